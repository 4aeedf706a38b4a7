"""What no trusted key signed is neither tried nor loaded."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from viral_common.artefact.files import SIGNATURE, Artefact
from viral_common.artefact.predictor import Predictor
from viral_common.database.tables import Promotion, Training
from viral_common.errors import SignatureError
from viral_common.signing.signer import Signer
from viral_evaluator import scoring
from viral_evaluator.held_out import HeldOutTweets
from viral_evaluator.scoring import Scorer

from tests.factories import make_artefact, make_labelled_tweets
from tests.signing import EVALUATOR, TRAINER, make_trust
from tests.unit.evaluator.fakes import DAY, make_training

TWEETS = HeldOutTweets.from_tweets([])


class FakeRegistry:
    """Hold one artefact."""

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact

    def download(self, artifact_uri: str, into: Path) -> Path:
        return Path(shutil.copytree(self.artefact.directory, into / "artefact"))


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    return make_artefact(tmp_path / "made" / "artefact")


@pytest.fixture
def training(artefact: Artefact) -> Training:
    training = make_training(uuid4(), 1)
    training.artifact_sha256 = artefact.sha256
    return training


@pytest.fixture
def scorer(artefact: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scorer:
    def refuse_to_load(*_: object) -> None:
        raise AssertionError("loaded before its signature was checked")

    monkeypatch.setattr(scoring, "load_tried", refuse_to_load)
    return Scorer(FakeRegistry(artefact), tmp_path / "scratch", make_trust(tmp_path))


def test_the_paired_tweets_are_scored_beside_the_others(
    scorer: Scorer, training: Training, artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(artefact, training.event_id, training.batch_id)
    monkeypatch.setattr(scoring, "load_tried", partial(Predictor.load, threads=1))
    tweets = make_labelled_tweets(7)
    held_out = replace(HeldOutTweets.from_tweets(tweets), paired=tweets[2:5])

    scored = scorer.score_each(training, held_out)["fp32"]

    assert scored.probabilities.shape == (7,)
    assert scored.paired == pytest.approx(scored.probabilities[2:5], abs=1e-6)
    assert scored.paired_log_likes.shape == (3,)


def test_tweets_without_pairs_are_scored(
    scorer: Scorer, training: Training, artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(artefact, training.event_id, training.batch_id)
    monkeypatch.setattr(scoring, "load_tried", partial(Predictor.load, threads=1))

    scored = scorer.score_each(training, HeldOutTweets.from_tweets(make_labelled_tweets(7)))["fp32"]

    assert (len(scored.probabilities), len(scored.paired), len(scored.paired_log_likes)) == (7, 0, 0)


def sign(artefact: Artefact, event_id: UUID, batch_id: UUID, signer: Signer = TRAINER) -> None:
    (artefact.directory / SIGNATURE).write_bytes(signer.sign_artefact(artefact.sha256, event_id, batch_id))


def test_a_challenger_that_nobody_signed_is_refused(scorer: Scorer, training: Training) -> None:
    with pytest.raises(SignatureError, match=r"no manifest\.sig"):
        scorer.score_each(training, TWEETS)


def test_the_signature_of_another_event_or_batch_or_role_is_refused(
    scorer: Scorer, artefact: Artefact, training: Training
) -> None:
    for event_id, batch_id, signer, reason in (
        (uuid4(), training.batch_id, TRAINER, "its event_id is not"),
        (training.event_id, uuid4(), TRAINER, "its batch_id is not"),
        (training.event_id, training.batch_id, EVALUATOR, "only the trainer may"),
    ):
        sign(artefact, event_id, batch_id, signer)
        with pytest.raises(SignatureError, match=reason):
            scorer.score_each(training, TWEETS)


def test_what_is_signed_goes_on_to_its_trial(scorer: Scorer, artefact: Artefact, training: Training) -> None:
    sign(artefact, training.event_id, training.batch_id)

    with pytest.raises(AssertionError, match="loaded"):
        scorer.score_each(training, TWEETS)


def test_a_champion_whose_promotion_nobody_signed_is_refused(
    scorer: Scorer, artefact: Artefact, training: Training
) -> None:
    sign(artefact, training.event_id, training.batch_id)
    champion = Promotion(
        seq=1,
        model_version=1,
        batch_id=training.batch_id,
        artifact_uri="model 1",
        artifact_sha256=artefact.sha256,
        precision="fp32",
        promoted_at=DAY,
    )
    with pytest.raises(SignatureError, match="the promotion is not signed"):
        scorer.score(champion, TWEETS)

    champion.signed_by, champion.signature = EVALUATOR.sign_promotion(champion)
    with pytest.raises(AssertionError, match="loaded"):
        scorer.score(champion, TWEETS)
