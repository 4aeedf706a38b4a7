"""Blend the deep and the shallow model: how much each counts is fitted on validation tweets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from viral_common.artefact.files import Calibration

from viral_trainer.data.examples import Examples
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.training.boosting import choose_newest, fit_boosted_text
from viral_trainer.training.calibration import fit_blend
from viral_trainer.training.loop import Recipe, compute_view_logits, make_views, score_views


@dataclass(frozen=True)
class Blend:
    """Hold what the whole network says of the validation tweets."""

    share: float  # of the shallow model's logit
    calibration: Calibration
    scores: dict[str, float]  # calibrated
    probabilities: NDArray[np.float64] = field(repr=False)  # authors known, (n,)


def blend_models(
    network: ViralityNetwork,
    # The network's logits of the validation tweets so far, authors known and unknown, (2, n).
    deep: NDArray[np.float32],
    examples: Examples,
    validation: Examples,
    recipe: Recipe,
) -> Blend:
    """Give the network its boosted part.

    Once its share is known it is refit with the validation tweets, too; what is said of those is from before.
    """
    model = fit_boosted_text(examples, recipe.hidden_authors, recipe.seed, recipe.threads)
    shallow = compute_view_logits(model, validation, make_views(validation))
    share, calibration = fit_blend(deep.ravel(), shallow.ravel(), np.tile(validation.labels, 2))
    known, unknown = calibration.compute_probabilities(deep + share * shallow)
    learned = choose_newest(examples, validation)
    network.boosted = fit_boosted_text(learned, recipe.hidden_authors, recipe.seed, recipe.threads)
    network.boosted.share.fill_(share)
    return Blend(share, calibration, score_views(validation.labels, known, unknown), known)


def compute_logits(network: ViralityNetwork, examples: Examples) -> NDArray[np.float32]:
    """Compute the whole network's logits in the examples' order, float32 (n,)."""
    views = [examples.features]
    (logits,) = compute_view_logits(network, examples, views)
    if network.boosted is not None:
        logits = logits + compute_view_logits(network.boosted, examples, views)[0]
    return np.asarray(logits)
