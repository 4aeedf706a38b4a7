"""Choose the precision that a challenger is served in: int8 is smaller and as fast, unless it is a worse model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sklearn.metrics import roc_auc_score
from viral_common.evaluation.scores import Labels
from viral_common.events import Precision

from viral_evaluator.scoring import Scored

# An int8 graph that loses this much AUC on the test tweets, or more, is not served (docs/decisions/0013).
TOO_MUCH_AUC = 0.002


@dataclass(frozen=True)
class Choice:
    """Hold the choice: `scored` is how the challenger would be served; `aucs` has one AUC for each precision scored."""

    precision: Precision
    scored: Scored
    aucs: Mapping[Precision, float]

    @property
    def metrics(self) -> dict[str, float]:
        """`auc_fp32` and `auc_int8`; nothing where there was no choice."""
        return {f"auc_{name}": auc for name, auc in self.aucs.items()} if len(self.aucs) > 1 else {}

    @property
    def sentence_end(self) -> str:
        """The end of a verdict's sentence; nothing where there was no choice."""
        if len(self.aucs) == 1:
            return ""
        return f"; AUC {self.aucs['fp32']:.4f} in fp32, {self.aucs['int8']:.4f} in int8: to serve in {self.precision}"


def choose_precision(
    labels: Labels, by_precision: Mapping[Precision, Scored], *, int8_allowed: bool = True
) -> Choice:
    """Choose by AUC; both classes must occur in `labels`, shape (tweets,), and fp32 in `by_precision`."""
    aucs = {
        precision: float(roc_auc_score(labels, scored.probabilities))
        for precision, scored in by_precision.items()
    }
    as_good = "int8" in aucs and aucs["fp32"] - aucs["int8"] < TOO_MUCH_AUC
    precision: Precision = "int8" if as_good and int8_allowed else "fp32"
    return Choice(precision, by_precision[precision], aucs)
