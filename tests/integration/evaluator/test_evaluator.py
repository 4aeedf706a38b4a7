"""Challengers are judged in order, once, whatever happens in between. Postgres is real; the models are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, cast
from uuid import UUID, uuid4, uuid5

import numpy as np
import pytest
from sqlalchemy import insert, select
from viral_common import ledger
from viral_common.database import Sessions
from viral_common.errors import ArtefactError, NotYet, ServerAway, Unusable, UsageError
from viral_common.events import ModelPromoted, ModelTrained, Precision, caused_id
from viral_common.features import TweetInput
from viral_common.models import Batch, Promotion, Training, Tweet, Verdict
from viral_common.settings import CommonSettings
from viral_common.tweet_store import TweetStore
from viral_evaluator.aliases import Aliases
from viral_evaluator.handlers import Evaluator
from viral_evaluator.judge import Judge
from viral_evaluator.promotion import promote_by_hand, replaced_champion
from viral_evaluator.rule import PromotionRule
from viral_evaluator.scoring import Scored, Scorer
from viral_evaluator.settings import EvaluatorSettings

DAY = datetime(2026, 1, 1, tzinfo=UTC)
# Every test tweet is viral or not by turns; a model's skill is how far it leans towards the truth.
TWEETS = 400
TOO_FEW = (
    "test tweets have more than 0 likes, at least 10 with and as many without are needed "
    "(VIRAL_LIKES_THRESHOLD, VIRAL_BATCH_SIZE)"
)


@dataclass
class Models:
    """Stands in for the scorer and for MLflow: a skill by artefact, or an error to raise."""

    skill: dict[str, float | Exception] = field(default_factory=dict)
    int8: dict[str, float] = field(default_factory=dict)
    """The skill of an artefact's int8 graph, where it has one."""
    served_in: list[tuple[str, Precision]] = field(default_factory=list)
    scored: list[str] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)
    away: bool = False
    thresholds: dict[str, int] = field(default_factory=dict)
    called_from: float = 0.5

    def score(self, uri: str, _sha256: str, tweets: Sequence[TweetInput], precision: Precision) -> Scored:
        self.served_in.append((uri, precision))
        return self._answers(uri, tweets, self.skill[uri] if precision == "fp32" else self.int8[uri])

    def score_each(self, uri: str, _sha256: str, tweets: Sequence[TweetInput]) -> dict[Precision, Scored]:
        self.scored.append(uri)
        scored: dict[Precision, Scored] = {"fp32": self._answers(uri, tweets, self.skill[uri])}
        return scored | ({"int8": self._answers(uri, tweets, self.int8[uri])} if uri in self.int8 else {})

    def _answers(self, uri: str, tweets: Sequence[TweetInput], skill: float | Exception) -> Scored:
        if isinstance(skill, Exception):
            raise skill
        truth = np.array([tweet.text.startswith("viral") for tweet in tweets])
        noise = np.random.default_rng(len(uri)).normal(scale=0.5, size=len(tweets))
        logit = skill * np.where(truth, 1.0, -1.0) + noise
        spec = SimpleNamespace(
            likes_threshold=self.thresholds.get(uri, 0),
            decision_threshold=self.called_from,
            training=SimpleNamespace(viral_rate=0.5),
        )
        return Scored(cast(Any, spec), 1 / (1 + np.exp(-logit)))

    def tell_verdict(self, version: int, verdict: Verdict) -> None:
        self.told[version] = verdict.outcome

    def set_alias(self, alias: Literal["champion", "challenger"], version: int) -> None:
        if self.away:
            raise ServerAway("MLflow does not answer")
        self.aliases[alias] = version


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def evaluator(db: Sessions, settings: CommonSettings, models: Models) -> Evaluator:
    own = EvaluatorSettings.model_validate(settings.model_dump())
    judge = Judge(TweetStore(db), cast(Scorer, models), PromotionRule(resamples=500), own)
    return Evaluator(db, judge, models, Aliases(db, models, 30), timedelta(hours=1))


def trained(db: Sessions, version: int, tweets: int = TWEETS, viral: str = "both") -> ModelTrained:
    """A collected batch of test tweets and a registered version."""
    batch_id, event_id = uuid4(), uuid4()
    run = {"mlflow_run_id": f"run {version}", "artifact_uri": f"model {version}", "artifact_sha256": "a" * 64}
    with db.begin() as session:
        session.add(
            Batch(
                id=batch_id,
                source="archive",
                query=f"batch {version}",
                window_from=DAY + timedelta(days=version),
                window_to=DAY + timedelta(days=version + 1),
                target=tweets,
                collected_at=datetime.now(UTC),
                tweet_count=tweets,
            )
        )
        session.flush()
        if tweets:
            session.execute(insert(Tweet), [tweet(batch_id, n, viral) for n in range(tweets)])
        session.add(
            Training(
                event_id=event_id,
                batch_id=batch_id,
                model_version=version,
                metrics={"auc": 0.6},
                started_at=DAY,
                **run,
            )
        )
    return ModelTrained(
        id=caused_id(event_id, "model.trained"), batch_id=batch_id, model_version=version, metrics={}, **run
    )


def tweet(batch_id: UUID, number: int, viral: str) -> dict[str, Any]:
    is_viral = {"both": number % 2 == 0, "nine": number < 9, "all": True, "none": False}[viral]
    return {
        "source": "archive",
        "external_id": f"{batch_id}-{number}",
        "batch_id": batch_id,
        "posted_at": DAY,
        "author_id": "1",
        "username": "one",
        "text": f"{'viral' if is_viral else 'quiet'} {number}",
        "language": "en",
        "like_count": 30 if is_viral else 0,
        **dict.fromkeys(["retweet_count", "reply_count", "photos_count", "hashtags_count"], 0),
        **dict.fromkeys(["mentions_count", "urls_count", "word_count"], 0),
        "has_video": False,
        "is_quote": False,
        "counts_observed_at": None,
        "text_hash": number,
        "split": "test",
    }


def rows(db: Sessions, table: type[Verdict] | type[Promotion]) -> list[Any]:
    with db() as session:
        return list(session.scalars(select(table)))


def test_the_first_model_that_beats_the_majority_class_is_promoted(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0}
    event = trained(db, 1)

    caused = evaluator.on_model_trained(event)

    (promoted,) = caused
    assert isinstance(promoted, ModelPromoted)
    assert (promoted.model_version, promoted.previous_version, promoted.reason) == (1, None, "first")
    assert promoted.metrics["auc"] > 0.9
    assert models.aliases == {"champion": 1}
    (verdict,) = rows(db, Verdict)
    assert (verdict.outcome, verdict.test_count, verdict.champion_version) == ("promoted", TWEETS, None)
    assert verdict.reason.startswith(
        "there is no champion yet; version 1 beats the majority class: log loss lower by"
    )
    assert 0 < verdict.interval_low < verdict.interval_high


def test_a_first_model_no_better_than_the_majority_class_is_not_promoted(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 0.0}

    assert evaluator.on_model_trained(trained(db, 1)) == []

    assert rows(db, Verdict)[0].outcome == "kept"
    assert models.aliases == {}


def test_only_a_clearly_better_challenger_replaces_the_champion(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0, "model 2": 0.5, "model 3": 2.0}

    seqs = [
        [
            event.promotion_seq
            for event in evaluator.on_model_trained(trained(db, version))
            if isinstance(event, ModelPromoted)
        ]
        for version in (1, 2, 3)
    ]

    assert [len(one) for one in seqs] == [1, 0, 1]
    assert seqs[2] > seqs[0]
    assert models.aliases == {"champion": 3}
    assert [(one.model_version, one.previous_version, one.reason) for one in rows(db, Promotion)] == [
        (1, None, "first"),
        (3, 1, "better"),
    ]
    kept = rows(db, Verdict)[1]
    assert (kept.outcome, kept.champion_version) == ("kept", 1)
    assert kept.challenger_metrics["log_loss"] > kept.champion_metrics["log_loss"]
    assert kept.interval_high < 0


def test_a_challenger_is_promoted_in_int8_if_that_is_as_good(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 1.0}, {"model 1": 1.0}

    (promoted,) = evaluator.on_model_trained(trained(db, 1))

    assert isinstance(promoted, ModelPromoted)
    assert promoted.precision == "int8"
    assert promoted.metrics["auc"] == promoted.metrics["auc_int8"] == promoted.metrics["auc_fp32"]
    assert rows(db, Verdict)[0].precision == "int8"
    assert rows(db, Verdict)[0].reason.endswith("in int8: to serve in int8")


def test_a_challenger_is_judged_and_promoted_in_fp32_if_int8_is_worse(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 1.0}, {"model 1": 0.2}

    (promoted,) = evaluator.on_model_trained(trained(db, 1))

    assert isinstance(promoted, ModelPromoted)
    assert promoted.precision == "fp32"
    assert promoted.metrics["auc"] == promoted.metrics["auc_fp32"] > promoted.metrics["auc_int8"]


def test_the_champion_is_compared_in_the_precision_it_is_served_in(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 0.5, "model 2": 2.0, "model 3": 1.0}, {"model 1": 0.5}

    for version in (1, 2, 3):
        evaluator.on_model_trained(trained(db, version))

    assert models.served_in == [("model 1", "int8"), ("model 2", "fp32")]


def test_by_hand_a_version_is_served_as_its_verdict_says_unless_told_otherwise(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 0.5, "model 2": 2.0}, {"model 1": 0.5}
    for version in (1, 2):
        evaluator.on_model_trained(trained(db, version))

    with db.begin() as session:
        promoted = [
            promote_by_hand(session, 1, "as judged"),
            promote_by_hand(session, 1, "an old processor", "fp32"),
        ]
        before = replaced_champion(session)

    assert [(one.model_version, one.precision) for one in promoted] == [(1, "int8"), (1, "fp32")]
    assert (before.model_version, before.precision) == (1, "int8")


def test_the_same_event_again_repeats_the_answer_and_nothing_else(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0}
    event = trained(db, 1)

    first, second = evaluator.on_model_trained(event), evaluator.on_model_trained(event)

    assert first == second
    assert models.scored == ["model 1"]
    assert (len(rows(db, Verdict)), len(rows(db, Promotion))) == (1, 1)


def test_a_kill_between_the_promotion_and_the_alias_is_made_good(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.away = {"model 1": 1.0}, True
    event = trained(db, 1)
    with pytest.raises(ServerAway):
        evaluator.on_model_trained(event)

    models.away = False
    (promoted,) = evaluator.on_model_trained(event)

    assert promoted.id == caused_id(event.id, "model.promoted")
    assert models.aliases == {"champion": 1}
    assert len(rows(db, Promotion)) == 1
    assert models.told == {1: "promoted"}


def test_a_late_repeat_does_not_take_the_alias_back(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 0.5, "model 2": 2.0}
    first = trained(db, 1)
    evaluator.on_model_trained(first)
    evaluator.on_model_trained(trained(db, 2))

    evaluator.on_model_trained(first)

    assert models.aliases == {"champion": 2}


def test_reordered_events_lead_to_the_same_champion(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 2.0, "model 2": 1.0}
    first, second = trained(db, 1), trained(db, 2)

    with pytest.raises(NotYet, match="versions 1 are judged first"):
        evaluator.on_model_trained(second)
    evaluator.on_model_trained(first)
    evaluator.on_model_trained(second)

    assert [one.model_version for one in rows(db, Promotion)] == [1]


def test_a_champion_promoted_by_hand_in_between_is_the_one_to_beat(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 0.5, "model 2": 2.0, "model 3": 1.0}
    for version in (1, 2):
        evaluator.on_model_trained(trained(db, version))
    with db.begin() as session:
        before = replaced_champion(session)
        promote_by_hand(session, before.model_version, "complaints about version 2")

    (promoted,) = evaluator.on_model_trained(trained(db, 3))

    assert isinstance(promoted, ModelPromoted)
    assert (promoted.model_version, promoted.previous_version) == (3, 1)


@pytest.mark.parametrize(
    ("tweets", "viral", "reason"),
    [
        (0, "both", "the batch has 0 test tweets, 50 are needed"),
        (49, "both", "the batch has 49 test tweets, 50 are needed"),
        (60, "none", f"0 of 60 {TOO_FEW}"),
        (60, "nine", f"9 of 60 {TOO_FEW}"),
        (60, "all", f"60 of 60 {TOO_FEW}"),
    ],
)
def test_a_batch_that_cannot_decide_gets_a_verdict_that_says_so(
    evaluator: Evaluator, db: Sessions, tweets: int, viral: str, reason: str
) -> None:
    assert evaluator.on_model_trained(trained(db, 1, tweets, viral)) == []

    (verdict,) = rows(db, Verdict)
    assert (verdict.outcome, verdict.reason) == ("unscorable", reason)


def test_a_damaged_challenger_is_refused_and_the_champion_stays(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0, "model 2": ArtefactError("model.onnx is 3 bytes long, not 4")}
    evaluator.on_model_trained(trained(db, 1))

    assert evaluator.on_model_trained(trained(db, 2)) == []

    verdict = rows(db, Verdict)[1]
    assert verdict.outcome == "unscorable"
    assert verdict.reason == "the challenger's artefact was refused: model.onnx is 3 bytes long, not 4"
    assert models.aliases == {"champion": 1}


def test_a_champion_that_asks_another_question_is_not_compared(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.thresholds = {"model 1": 3.0, "model 2": 1.0, "model 3": 2.0}, {"model 1": 10}
    asking(evaluator, 10).on_model_trained(trained(db, 1))

    (promoted,) = evaluator.on_model_trained(trained(db, 2))
    evaluator.on_model_trained(trained(db, 3))

    assert isinstance(promoted, ModelPromoted)
    assert (promoted.reason, promoted.previous_version) == ("better", 1)
    _, second, third = rows(db, Verdict)
    assert "the champion asks for more than 10 likes" in second.reason
    assert "version 3 is better than champion 2" in third.reason


def test_a_challenger_that_was_asked_another_question_is_not_scored(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.thresholds = {"model 1": 3.0, "model 2": 3.0}, {"model 2": 10}
    evaluator.on_model_trained(trained(db, 1))

    assert evaluator.on_model_trained(trained(db, 2)) == []

    verdict = rows(db, Verdict)[1]
    assert verdict.outcome == "unscorable"
    assert "trained for more than 10 likes, the evaluator asks for more than 0" in verdict.reason
    assert "VIRAL_LIKES_THRESHOLD" in verdict.reason


def test_a_verdict_tells_how_sure_its_figures_are_and_where_viral_begins(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.called_from = {"model 1": 1.0}, 0.05

    evaluator.on_model_trained(trained(db, 1))

    (verdict,) = rows(db, Verdict)
    figures = verdict.challenger_metrics
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]
    assert figures["recall"] == 1 > figures["precision"]


def asking(evaluator: Evaluator, likes_threshold: int) -> Evaluator:
    """The same with another VIRAL_LIKES_THRESHOLD."""
    settings = evaluator.judge.settings.model_copy(update={"likes_threshold": likes_threshold})
    return replace(evaluator, judge=replace(evaluator.judge, settings=settings))


def test_a_batch_or_version_nobody_knows_is_unusable(evaluator: Evaluator, db: Sessions) -> None:
    event = trained(db, 1)

    with pytest.raises(Unusable, match="does not exist"):
        evaluator.on_model_trained(event.model_copy(update={"batch_id": uuid4(), "id": uuid4()}))
    with pytest.raises(Unusable, match="registered version 9"):
        evaluator.on_model_trained(event.model_copy(update={"model_version": 9, "id": uuid4()}))


def test_an_event_given_up_leaves_a_verdict_that_a_replay_replaces(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0}
    event = trained(db, 1)

    evaluator.on_dead(event, "failed 5 times, last with OSError: disk full")
    before = rows(db, Verdict)
    evaluator.on_model_trained(event)
    after = rows(db, Verdict)

    assert [(one.outcome, one.reason) for one in before] == [
        ("failed", "failed 5 times, last with OSError: disk full")
    ]
    assert [one.outcome for one in after] == ["promoted"]
    assert before[0].id == after[0].id == uuid5(event.id, "verdict")


def test_an_unknown_batch_given_up_leaves_nothing(evaluator: Evaluator, db: Sessions) -> None:
    event = trained(db, 1).model_copy(update={"batch_id": uuid4(), "id": uuid4()})

    evaluator.on_dead(event, "batch does not exist")

    assert rows(db, Verdict) == []


def test_by_hand_a_version_is_promoted_and_rolled_back(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 2.0, "model 2": 0.5}
    for version in (1, 2):
        evaluator.on_model_trained(trained(db, version))

    with db.begin() as session:
        forward = promote_by_hand(session, 2, "we like it")
    with db.begin() as session:
        before = replaced_champion(session)
        back = promote_by_hand(session, before.model_version, "rolled back")

    assert (forward.model_version, forward.reason, forward.note) == (2, "manual", "we like it")
    assert (back.model_version, back.previous_version) == (1, 2)
    assert back.seq > forward.seq
    with db() as session:
        champion = ledger.champion(session)
    assert champion
    assert champion.seq == back.seq


def test_by_hand_what_cannot_be_is_said_in_one_line(db: Sessions) -> None:
    trained(db, 1)
    with db.begin() as session:
        with pytest.raises(UsageError, match="version 7 does not exist; known versions: 1"):
            promote_by_hand(session, 7, "why not")
        with pytest.raises(UsageError, match="no earlier champion"):
            replaced_champion(session)
        promote_by_hand(session, 1, "a start")
        with pytest.raises(UsageError, match="version 1 is the champion already"):
            promote_by_hand(session, 1, "again")
        with pytest.raises(UsageError, match="version 1 was never scored in int8"):
            promote_by_hand(session, 1, "smaller", "int8")
