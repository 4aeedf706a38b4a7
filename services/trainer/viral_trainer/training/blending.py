"""Blend the deep and the shallow model: how much each counts is fitted on validation tweets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from viral_common.artefact.files import Calibration
from viral_common.evaluation.scores import compute_scores

from viral_trainer.data.examples import Examples
from viral_trainer.data.views import VIEWS
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.model.text_trees import KNOWN_COLUMNS
from viral_trainer.training.boosting import choose_newest, fit_boosted_text
from viral_trainer.training.calibration import Shares, fit_blend
from viral_trainer.training.likes import predict_log_likes
from viral_trainer.training.loop import Recipe, compute_view_logits


@dataclass(frozen=True)
class Blend:
    """Hold what the whole network says of the validation tweets, from before it learned them."""

    shares: Shares
    calibration: Calibration
    scores: dict[str, float]  # calibrated
    probabilities: NDArray[np.float64] = field(repr=False)  # with all that is known, (n,)
    log_likes: NDArray[np.float64] = field(repr=False)  # (n,)
    # Both of those tweets whose authors were frozen.
    frozen: tuple[NDArray[np.float64], NDArray[np.float64]] = field(repr=False)
    # Of the newest tweets learned from: what other authors' tweets say that they gain, log(1 + likes).
    gains: NDArray[np.float64] = field(repr=False)


def blend_models(
    network: ViralityNetwork,
    # The network's logits of the validation tweets so far, by VIEWS, (views, n).
    deep: NDArray[np.float32],
    examples: Examples,
    validation: Examples,
    frozen: Examples,  # of the validation tweets, those of `freeze_authors`
    recipe: Recipe,
) -> Blend:
    """Give the network its boosted part. Once its share is known it is refit with the validation tweets, too."""
    model, predict_gains = fit_boosted_text(examples, recipe.seed, recipe.threads)
    shallow = compute_view_logits(model, validation)
    known = [validation.show(view.view, view.content)[:, KNOWN_COLUMNS] for view in VIEWS]
    labels = np.tile(validation.labels, len(VIEWS))
    shares, calibration = fit_blend(deep.ravel(), shallow.ravel(), np.concatenate(known), labels)
    model.set_shares(*shares)
    network.boosted = model
    probabilities = [
        calibration.compute_probabilities(_blend(*one, shares))
        for one in zip(deep, shallow, known, strict=True)
    ]
    scores = _score_views(validation.labels, probabilities)
    of_frozen = (
        calibration.compute_probabilities(compute_logits(network, frozen)),
        predict_log_likes(model, frozen),
    )
    log_likes = predict_log_likes(model, validation)
    network.boosted, _ = fit_boosted_text(choose_newest(examples, validation), recipe.seed, recipe.threads)
    network.boosted.set_shares(*shares)
    return Blend(shares, calibration, scores, probabilities[0], log_likes, of_frozen, predict_gains())


def compute_logits(network: ViralityNetwork, examples: Examples) -> NDArray[np.float32]:
    """Compute the whole network's logits in the examples' order, float32 (n,)."""
    (logits,) = compute_view_logits(network, examples, VIEWS[:1])
    if network.boosted is None:
        return np.asarray(logits)
    (shallow,) = compute_view_logits(network.boosted, examples, VIEWS[:1])
    deep, trees = network.boosted.shares.tolist()
    shares = Shares(deep, tuple(network.boosted.known_shares[KNOWN_COLUMNS].tolist()), trees)
    return _blend(logits, shallow, examples.features[:, KNOWN_COLUMNS], shares).astype(np.float32)


def _blend(
    deep: NDArray[np.float32],
    shallow: NDArray[np.float32],
    known: NDArray[np.float32],
    shares: Shares,
) -> NDArray[np.float64]:
    """Blend as BoostedText does."""
    found: NDArray[np.float64] = (
        deep * (shares.deep + known @ np.array(shares.known)) + shares.trees * shallow
    )
    return found


def _score_views(labels: NDArray[np.bool_], probabilities: list[NDArray[np.float64]]) -> dict[str, float]:
    """Score what was said with all that is known, and by the most important scores what was said with less."""
    scores = compute_scores(labels, probabilities[0])
    for view, of_view in zip(VIEWS[1:], probabilities[1:], strict=True):
        found = compute_scores(labels, of_view)
        scores |= {
            f"{name}_{view.suffix}": found[name] for name in ("auc", "log_loss", "ece") if name in found
        }
    return scores
