"""Make the trails of a pipeline of many days: some challengers took over, some did not, some days had none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from viral_common.database.tables import Batch, Promotion, Training, Verdict
from viral_common.stores.trail import BatchTrail
from viral_common.tweets.features import FEATURES

FIRST_DAY = datetime(2022, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = "paired bootstrap of log loss, 95%, 2000 resamples"
# The version that is champion after the batch of this version.
TAKES_OVER = frozenset({1, 2, 4, 9, 15, 22, 30, 38})


def make_trails(days: int, source: str = "archive") -> list[BatchTrail]:
    """Newest first. Version n comes from day n; every seventh day has too few tweets, the last is being collected."""
    draw = Random(17)
    champion, trails = 0, []
    for number in range(1, days + 1):
        if number == days > 3:
            trails.append(BatchTrail(_make_batch(number, source, collected=False), None, None, None))
        elif number % 7 == 6:
            trails.append(
                BatchTrail(_make_batch(number, source), None, _make_untrainable_verdict(number), None)
            )
        else:
            trails.append(_make_judged(number, champion, source, draw))
            champion = number if trails[-1].promotion else champion
    return trails[::-1]


def _make_judged(number: int, champion: int, source: str, draw: Random) -> BatchTrail:
    batch, training = _make_batch(number, source), _make_training(number)
    auc = 0.688 + 0.0011 * min(number, 30) + draw.uniform(-0.006, 0.006)
    better = number in TAKES_OVER or not champion
    ours, theirs = _make_scores(auc if better else auc - 0.009), _make_scores(auc - 0.008 if better else auc)
    verdict = _make_verdict(
        number, champion, "promoted" if better else "kept", ours, theirs if champion else {}
    )
    batch.drift = _make_drift(number, draw) if number > 1 else None
    promotion = _make_promotion(number, champion, verdict) if better else None
    return BatchTrail(batch, training, verdict, promotion, [promotion] if promotion else [])


def _make_batch(number: int, source: str, *, collected: bool = True) -> Batch:
    began = FIRST_DAY + number * DAY
    return Batch(
        id=UUID(int=number),
        source=source,
        query="russia ukraine oil",
        window_from=began - DAY,
        window_to=began,
        target=50_000,
        started_at=began,
        collected_at=began + timedelta(minutes=4, seconds=number) if collected else None,
        tweet_count=48_000 + 37 * number if collected and number % 7 != 6 else 212,
        train_count=33_600,
        validation_count=7_200,
        test_count=7_200,
        viral_rate=0.4 + 0.002 * number if collected else None,
        history_only=False,
        filtered={"reply": 120},
    )


def _make_training(number: int) -> Training:
    began = FIRST_DAY + number * DAY
    return Training(
        event_id=UUID(int=1_000 + number),
        batch_id=UUID(int=number),
        model_version=number,
        mlflow_run_id=f"{number * 7919:04x}{number:028x}",
        artifact_uri=f"models:/{number}",
        artifact_sha256="a" * 64,
        metrics={"auc": 0.715},
        started_at=began + timedelta(minutes=5),
        trained_at=began + timedelta(minutes=9, seconds=12),
    )


def _make_verdict(
    number: int, champion: int, outcome: str, ours: dict[str, float], theirs: dict[str, float]
) -> Verdict:
    gain = 0.0041 if outcome == "promoted" else -0.0007
    rival = f"champion {champion}" if champion else "the majority class"
    says = "is better than" if outcome == "promoted" else "is not clearly better than"
    return Verdict(
        id=UUID(int=2_000 + number),
        event_id=UUID(int=3_000 + number),
        batch_id=UUID(int=number),
        outcome=outcome,
        challenger_version=number,
        champion_version=champion or None,
        test_count=7_310,
        challenger_metrics=ours,
        champion_metrics=theirs,
        interval_low=gain - 0.0021,
        interval_high=gain + 0.0021,
        confidence=0.95,
        rule=RULE,
        reason=f"version {number} {says} {rival}: log loss lower by {gain:.4f} a tweet, "
        f"interval {gain - 0.0021:+.4f} to {gain + 0.0021:+.4f}, on 7,310 test tweets",
        created_at=FIRST_DAY + number * DAY + timedelta(minutes=9, seconds=31),
    )


def _make_untrainable_verdict(number: int) -> Verdict:
    return Verdict(
        id=UUID(int=2_000 + number),
        event_id=UUID(int=3_000 + number),
        batch_id=UUID(int=number),
        outcome="untrainable",
        challenger_version=None,
        champion_version=None,
        test_count=0,
        challenger_metrics={},
        champion_metrics={},
        rule="none",
        reason="the window has 212 tweets to train on, 1,000 are needed",
        created_at=FIRST_DAY + number * DAY + timedelta(minutes=5),
    )


def _make_promotion(number: int, champion: int, verdict: Verdict) -> Promotion:
    return Promotion(
        seq=number,
        event_id=UUID(int=4_000 + number),
        batch_id=UUID(int=number),
        model_version=number,
        previous_version=champion or None,
        mlflow_run_id=f"{number * 7919:032x}",
        artifact_uri=f"models:/{number}",
        artifact_sha256="a" * 64,
        precision="int8",
        verdict_id=verdict.id,
        reason="better" if champion else "first",
        note="",
        metrics=verdict.challenger_metrics,
        promoted_at=FIRST_DAY + number * DAY + timedelta(minutes=9, seconds=32),
    )


def _make_scores(auc: float) -> dict[str, float]:
    return {
        "auc": auc,
        "auc_low": auc - 0.012,
        "auc_high": auc + 0.012,
        "average_precision": auc - 0.07,
        "viral_rate": 0.44,
    }


def _make_drift(number: int, draw: Random) -> dict[str, float]:
    drift = {name: draw.uniform(0, 0.04) for name in FEATURES} | {"like_count": draw.uniform(0, 0.05)}
    drift["created_at_dayofweek"] = 15.2
    if number % 5 == 0:
        drift["hashtags_count"] = 0.14
    if number % 11 == 0:
        drift |= {"author_viral_share": 0.31, "like_count": 0.27}
    return drift
