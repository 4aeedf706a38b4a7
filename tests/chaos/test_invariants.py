"""Each invariant is found broken where it is, and nothing is found where all is well."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.facts import Audit, Facts
from tests.chaos.invariants import Undisturbed, count_published_again, find_broken, find_unfinished

UNDISTURBED = Undisturbed({"b1": "row 1", "b2": "row 2"}, {"b1": "tweets 1", "b2": "tweets 2"}, "profiles")
EVENTS = {
    "c1": ("scraper", "batch.collected"),
    "c2": ("scraper", "batch.collected"),
    "t1": ("trainer", "model.trained"),
    "t2": ("trainer", "model.trained"),
    "p1": ("evaluator", "model.promoted"),
}
# Two batches, two versions, of which the first is the champion.
AT_REST = Facts(
    batches=[
        {"batch": f"b{number}", "collected": True, "tweet_count": 400, "digest": f"row {number}"}
        for number in (1, 2)
    ],
    tweets={"b1": "tweets 1", "b2": "tweets 2"},
    profiles="profiles",
    trainings=[
        {"event": f"c{number}", "batch": f"b{number}", "version": number, "run": f"r{number}"}
        for number in (1, 2)
    ],
    verdicts=[
        {"id": "v1", "batch": "b1", "version": 1, "outcome": "promoted", "reason": "first"},
        {"id": "v2", "batch": "b2", "version": 2, "outcome": "kept", "reason": "not better"},
    ],
    promotions=[{"seq": 1, "version": 1, "previous": None, "verdict": "v1"}],
    outbox=[
        {"id": event, "service": service, "exchange": "viral.events", "type": name, "published": True}
        for event, (service, name) in EVENTS.items()
    ],
    inbox=[
        {"service": service, "event": event, "state": "done", "error": None}
        for service, event in (("trainer", "c1"), ("trainer", "c2"), ("evaluator", "t1"), ("evaluator", "t2"))
    ],
    queues={"trainer.batch-collected": 0, "evaluator.model-trained": 0, "dead-letters": 0},
    audit=Audit(Counter(EVENTS), {event: {"a digest"} for event in EVENTS}),
    versions=[{"version": number, "run": f"r{number}"} for number in (1, 2)],
    runs=[{"run": f"r{number}", "status": "FINISHED", "event": f"c{number}"} for number in (1, 2)],
    aliases={"champion": 1, "challenger": 2},
    missing={"trainer": [], "gateway-1": [], "gateway-2": []},
    serving={"gateway-1": 1, "gateway-2": 1},
)


def vary(**fields: Any) -> Facts:
    """The same facts but for these."""
    return replace(AT_REST, **fields)


def change(name: str, index: int, **fields: Any) -> Facts:
    """The same facts, with one row of a table changed."""
    rows = list(getattr(AT_REST, name))
    rows[index] = {**rows[index], **fields}
    return vary(**{name: rows})


def add(name: str, **fields: Any) -> Facts:
    """The same facts, with one row more."""
    return vary(**{name: [*getattr(AT_REST, name), fields]})


def remove(name: str, index: int) -> Facts:
    """The same facts, with one row less."""
    rows = list(getattr(AT_REST, name))
    del rows[index]
    return vary(**{name: rows})


def make_audit(times: dict[str, int], digests: int = 1) -> Facts:
    """The same facts, with other events seen at the broker."""
    bodies = {event: {f"digest {number}" for number in range(digests)} for event in times}
    return replace(AT_REST, audit=Audit(Counter(times), bodies))


def test_a_pipeline_at_rest_is_finished_and_whole() -> None:
    assert find_unfinished(AT_REST, batches=2) == []
    assert find_broken(AT_REST, UNDISTURBED) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (add("trainings", event="c2", batch="b2", version=3, run="r3"), "batch b2 was trained on twice"),
        (
            add("verdicts", id="v3", batch="b2", version=2, outcome="kept", reason=""),
            "batch b2 has two verdicts",
        ),
        (change("promotions", 0, seq=33), r"promotions are numbered \[33\]"),
        (change("promotions", 0, previous=9), "follows version 9, the champion was None"),
        (remove("promotions", 0), "verdict v1 and the promotions do not agree"),
        (
            add("promotions", seq=2, version=1, previous=1, verdict="v1"),
            "verdict v1 was promoted twice",
        ),
        (change("inbox", 0, state="dead-lettered", error="it failed"), "gave up event c1: it failed"),
        (change("verdicts", 1, outcome="failed", reason="it failed"), "verdict on batch b2 is failed"),
        (replace(AT_REST, queues={"dead-letters": 1}), "1 dead letters"),
        (make_audit({**dict.fromkeys(EVENTS, 1), "t2": 0, "x": 1}), "event x, of which the outbox knows"),
        (make_audit({event: 1 for event in EVENTS if event != "t2"}), "event t2 was stamped as published"),
        (make_audit(dict.fromkeys(EVENTS, 1), digests=2), "event c1 was published with 2 different bodies"),
        (remove("inbox", 1), "event c2 .* trainer's inbox do not agree"),
        (remove("outbox", 1), "1 batches are announced, 2 have tweets"),
        (replace(AT_REST, tweets={"b1": "tweets 1", "b2": "others"}), "tweets of batch b2: others"),
        (replace(AT_REST, tweets={"b1": "tweets 1"}), "tweets of batch b2: None"),
        (change("batches", 0, digest="another row"), "the row of batch b1: another row"),
        (replace(AT_REST, profiles="others"), "profiles differ"),
        (remove("versions", 1), "version 2 .* was trained, but MLflow does not have it"),
        (add("versions", version=3, run="r3"), "MLflow has version 3 .* no training stands behind"),
        (change("runs", 1, status="FAILED"), "run r2 is not finished, its training is"),
        (add("runs", run="r3", status="FINISHED", event="c2"), "event c2 has several runs"),
    ],
)
def test_what_is_broken_is_named(facts: Facts, said: str) -> None:
    broken = find_broken(facts, UNDISTURBED)

    assert any(re.search(said, line) for line in broken), broken


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (change("batches", 1, collected=False), "1 of 2 batches are collected"),
        (
            replace(remove("trainings", 1), verdicts=AT_REST.verdicts[:1]),
            "batch b2 has neither a training nor a verdict",
        ),
        (remove("verdicts", 1), "version 2 has no verdict"),
        (change("outbox", 0, published=False), "batch.collected c1 of the scraper is not published"),
        (change("inbox", 2, state="running"), "the evaluator's event t1 is running"),
        (change("inbox", 2, state="pending", error="MLflow is away"), "pending .MLflow is away."),
        (replace(AT_REST, queues={"trainer.batch-collected": 2}), "2 messages wait in trainer"),
        (replace(AT_REST, missing={"trainer": ["no consumer"]}), "trainer is not ready: no consumer"),
        (replace(AT_REST, serving={"gateway-1": 1, "gateway-2": None}), "gateway-2 serves version None"),
        (replace(AT_REST, aliases={}), "MLflow's champion is version None, Postgres' is 1"),
        (change("runs", 1, status="RUNNING"), "run r2 has not ended"),
    ],
)
def test_what_is_not_finished_is_named(facts: Facts, said: str) -> None:
    unfinished = find_unfinished(facts, batches=2)

    assert any(re.search(said, line) for line in unfinished), unfinished


def test_an_event_may_come_twice_under_one_id_and_is_counted() -> None:
    facts = make_audit({**dict.fromkeys(EVENTS, 1), "t2": 3})

    assert find_broken(facts, UNDISTURBED) == []
    assert count_published_again(facts) == 2
