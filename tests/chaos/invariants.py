"""Say in words what is not finished yet, and what is finished and wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from viral_common.bus.topology import DEAD_LETTER_QUEUE, EVENTS, QUEUES

from tests.chaos.facts import Facts


@dataclass(frozen=True)
class Undisturbed:
    """The same days collected without faults."""

    batches: Mapping[str, str]
    tweets: Mapping[str, str]
    profiles: str | None


def find_unfinished(facts: Facts, batches: int) -> list[str]:
    """Find what a pipeline at rest has done, once so many batches are to be collected."""
    return [
        *_find_unfinished_batches(facts, batches),
        *_find_waiting_messages(facts),
        *_find_not_ready(facts),
        *_find_laggards(facts),
    ]


def find_broken(facts: Facts, undisturbed: Undisturbed) -> list[str]:
    """Find what must not be, whatever happened. Of a pipeline at rest."""
    return [
        *_find_collected_wrongly(facts, undisturbed),
        *_find_done_twice(facts),
        *_find_promotion_gaps(facts),
        *_find_given_up(facts),
        *_find_lost_events(facts),
        *_find_registry_gaps(facts),
    ]


def count_published_again(facts: Facts) -> int:
    """Count events that the broker has more than once: an id twice is allowed, and told by whoever receives it."""
    return sum(times - 1 for times in facts.audit.seen.values())


def _find_unfinished_batches(facts: Facts, batches: int) -> Iterator[str]:
    collected = sum(row["collected"] for row in facts.batches)
    if collected < batches:
        yield f"{collected} of {batches} batches are collected"
    settled = {row["batch"] for row in (*facts.trainings, *facts.verdicts)}
    for row in facts.batches:
        if row["collected"] and row["batch"] not in settled:
            yield f"batch {row['batch']} has neither a training nor a verdict"
    judged = {row["version"] for row in facts.verdicts}
    for row in facts.trainings:
        if row["version"] not in judged:
            yield f"version {row['version']} has no verdict"


def _find_waiting_messages(facts: Facts) -> Iterator[str]:
    for row in facts.outbox:
        if not row["published"]:
            yield f"{row['type']} {row['id']} of the {row['service']} is not published"
    for row in facts.inbox:
        if row["state"] in ("pending", "running"):
            why = f" ({row['error']})" if row["error"] else ""
            yield f"the {row['service']}'s event {row['event']} is {row['state']}{why}"
    for queue in QUEUES:
        if waiting := facts.queues.get(queue, 0):
            yield f"{waiting} messages wait in {queue}"


def _find_not_ready(facts: Facts) -> Iterator[str]:
    """Find services that say so; a gateway without any champion is right to."""
    for name, said in facts.missing.items():
        if said and (facts.promotions or name not in facts.serving):
            yield f"{name} is not ready: {'; '.join(said)}"


def _find_laggards(facts: Facts) -> Iterator[str]:
    """Find gateways and aliases that are not where Postgres says."""
    champion = facts.promotions[-1]["version"] if facts.promotions else None
    for name, version in facts.serving.items():
        if version != champion:
            yield f"{name} serves version {version}, the champion is {champion}"
    if champion is not None and facts.aliases.get("champion") != champion:
        yield f"MLflow's champion is version {facts.aliases.get('champion')}, Postgres' is {champion}"
    # Of a run that is not finished the last step is still to come, for which its event is not settled.
    for run in facts.runs:
        if run["status"] == "RUNNING":
            yield f"MLflow's run {run['run']} has not ended"


def _find_collected_wrongly(facts: Facts, undisturbed: Undisturbed) -> Iterator[str]:
    found = {row["batch"]: row["digest"] for row in facts.batches}
    for what, ours, theirs in (
        ("the row of batch", found, undisturbed.batches),
        ("tweets of batch", facts.tweets, undisturbed.tweets),
    ):
        for batch in sorted({*ours, *theirs}):
            if ours.get(batch) != theirs.get(batch):
                yield f"{what} {batch}: {ours.get(batch)}, undisturbed {theirs.get(batch)}"
    if facts.profiles != undisturbed.profiles:
        yield "authors' profiles differ from those of an undisturbed run"
    announced = Counter(row["type"] for row in facts.outbox)["batch.collected"]
    with_tweets = sum(row["tweet_count"] > 0 for row in facts.batches)
    if announced != with_tweets:
        yield f"{announced} batches are announced, {with_tweets} have tweets"


def _find_done_twice(facts: Facts) -> Iterator[str]:
    for batch in _find_repeated(row["batch"] for row in facts.trainings):
        yield f"batch {batch} was trained on twice"
    for batch in _find_repeated(row["batch"] for row in facts.verdicts):
        yield f"batch {batch} has two verdicts"
    for verdict in _find_repeated(row["verdict"] for row in facts.promotions):
        yield f"verdict {verdict} was promoted twice"


def _find_promotion_gaps(facts: Facts) -> Iterator[str]:
    seqs = [row["seq"] for row in facts.promotions]
    if seqs != list(range(1, len(seqs) + 1)):
        yield f"promotions are numbered {seqs}"
    champion = None
    for row in facts.promotions:
        if row["previous"] != champion:
            yield f"promotion {row['seq']} follows version {row['previous']}, the champion was {champion}"
        champion = row["version"]
    promoted = {row["id"] for row in facts.verdicts if row["outcome"] == "promoted"}
    made = {row["verdict"] for row in facts.promotions}
    for verdict in sorted(map(str, promoted ^ made)):
        yield f"verdict {verdict} and the promotions do not agree"


def _find_given_up(facts: Facts) -> Iterator[str]:
    for row in facts.inbox:
        if row["state"] == "dead-lettered":
            yield f"the {row['service']} gave up event {row['event']}: {row['error']}"
    for row in facts.verdicts:
        if row["outcome"] in ("failed", "untrainable", "unscorable"):
            yield f"the verdict on batch {row['batch']} is {row['outcome']}: {row['reason']}"
    if letters := facts.queues.get(DEAD_LETTER_QUEUE, 0):
        yield f"{letters} dead letters"


def _find_lost_events(facts: Facts) -> Iterator[str]:
    events = {row["id"] for row in facts.outbox if row["exchange"] == EVENTS}
    for event in sorted(events - facts.audit.seen.keys()):
        yield f"event {event} was stamped as published, but the broker never had it"
    for event in sorted(facts.audit.seen.keys() - events):
        yield f"the broker had event {event}, of which the outbox knows nothing"
    for event, digests in facts.audit.digests.items():
        if len(digests) > 1:
            yield f"event {event} was published with {len(digests)} different bodies"
    for service, kind in (("trainer", "batch.collected"), ("evaluator", "model.trained")):
        sent = {row["id"] for row in facts.outbox if row["type"] == kind and row["exchange"] == EVENTS}
        taken = {row["event"] for row in facts.inbox if row["service"] == service}
        for event in sorted(sent ^ taken):
            yield f"event {event} ({kind}) and the {service}'s inbox do not agree"


def _find_registry_gaps(facts: Facts) -> Iterator[str]:
    trained = {(row["version"], row["run"]) for row in facts.trainings}
    registered = {(row["version"], row["run"]) for row in facts.versions}
    for version, run in sorted(trained - registered):
        yield f"version {version} (run {run}) was trained, but MLflow does not have it"
    for version, run in sorted(registered - trained):
        yield f"MLflow has version {version} (run {run}), which no training stands behind"
    finished = {run["run"] for run in facts.runs if run["status"] == "FINISHED"}
    for run in sorted({row["run"] for row in facts.trainings} - finished):
        yield f"MLflow's run {run} is not finished, its training is"
    for event in _find_repeated(run["event"] for run in facts.runs):
        yield f"event {event} has several runs in MLflow"


def _find_repeated(values: Iterable[str]) -> Sequence[str]:
    return [value for value, times in Counter(values).items() if times > 1]
