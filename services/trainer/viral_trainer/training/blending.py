"""The deep and the shallow model become one: how much each counts is fitted on validation tweets, told and untold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from viral_common.artefact.files import Calibration
from viral_common.artefact.tokens import choose_chunks_by_length

from viral_trainer.data.examples import Examples, make_minibatch
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.model.text_trees import BoostedText
from viral_trainer.training.boosting import choose_newest, fit_boosted_text
from viral_trainer.training.calibration import fit_blend
from viral_trainer.training.loop import SCORED_AT_ONCE, Recipe, compute_view_logits, make_views, score_views


@dataclass(frozen=True)
class Blend:
    """What the whole network says of the validation tweets."""

    share: float  # of the shallow model's logit
    calibration: Calibration
    metrics: dict[str, float]  # calibrated
    probabilities: NDArray[np.float64] = field(repr=False)  # authors told, (n,)


def blend_models(
    network: ViralityNetwork,
    deep: NDArray[
        np.float32
    ],  # the network's logits of the validation tweets so far, told and untold, (2, n)
    examples: Examples,
    validation: Examples,
    recipe: Recipe,
) -> Blend:
    """Give the network its boosted part.

    Once its share is known it learns from the validation tweets, too; what is said of those is from before.
    """
    model = fit_boosted_text(examples, recipe.untold_authors, recipe.seed, recipe.threads)
    shallow = compute_boosted_logits(model, validation, make_views(validation))
    share, calibration = fit_blend(deep.ravel(), shallow.ravel(), np.tile(validation.labels, 2))
    told, untold = calibration.compute_probabilities(deep + share * shallow)
    learned = choose_newest(examples, validation)
    network.boosted = fit_boosted_text(learned, recipe.untold_authors, recipe.seed, recipe.threads)
    network.boosted.share.fill_(share)
    return Blend(share, calibration, score_views(validation.labels, told, untold), told)


def compute_logits(network: ViralityNetwork, examples: Examples) -> NDArray[np.float32]:
    """The whole network's, in the examples' order, float32 (n,)."""
    views = [examples.features]
    (logits,) = compute_view_logits(network, examples, views)
    if network.boosted is not None:
        logits = logits + compute_boosted_logits(network.boosted, examples, views)[0]
    return np.asarray(logits)


@torch.inference_mode()
def compute_boosted_logits(
    model: BoostedText, examples: Examples, views: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """With each of several features, (n, features), as (views, n): texts are read once."""
    logits = np.empty((len(views), len(examples)), np.float32)
    for rows in choose_chunks_by_length(examples.tokens.lengths, SCORED_AT_ONCE):
        batch = make_minibatch(examples, rows)
        text = model.read(batch.input_ids, batch.attention_mask)
        for view, features in zip(logits, views, strict=True):
            view[rows] = model.judge(text, torch.from_numpy(features[rows])).numpy()
    return logits
