"""Rounds on loopback: killed, frozen and starved processes, and what the suite then finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from viral_common.database.engine import connect_to

from tests.chaos import rounds
from tests.chaos.facts import Audit, Facts, read_facts
from tests.chaos.pipeline import SETTINGS, Pipeline
from tests.chaos.request_loop import RequestLoop
from tests.chaos.rounds import Outcome, Rounds
from tests.chaos.schedule import FIRST_DAY, SERVICES, Fault, Round
from tests.chaos.setting_up import make_this_machine
from tests.chaos.undisturbed import Reference
from tests.chaos.watcher import Watcher
from tests.conftest import own_database
from tests.servers import Servers


@pytest.fixture
def own_servers(servers: Servers, database_url: str, rabbitmq_url: str) -> Servers:
    """An empty database and a virtual host of one's own."""
    return replace(servers, database_url=database_url, rabbitmq_url=rabbitmq_url)


@pytest.fixture
def reference_url(servers: Servers, request: pytest.FixtureRequest) -> Iterator[str]:
    """A second empty database of the newest schema."""
    with own_database(servers, request.getfixturevalue("_migrated_template")) as url:
        yield url


@pytest.fixture(autouse=True)
def only_own_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow is shared with other tests."""

    def read_own_facts(pipeline: Pipeline, engine: Engine, audit: Audit) -> Facts:
        facts = read_facts(pipeline, engine, audit)
        events = {row["event"] for row in facts.inbox}
        runs = [run for run in facts.runs if run["event"] in events]
        known = {run["run"] for run in runs}
        versions = [version for version in facts.versions if version["run"] in known]
        return replace(facts, runs=runs, versions=versions)

    monkeypatch.setattr(rounds, "read_facts", read_own_facts)


def run_round(
    folder: Path, servers: Servers, reference_url: str, faults: tuple[Fault, ...], **more: tuple[str, ...]
) -> Outcome:
    pipeline = make_this_machine(folder, servers, **more)
    engine = connect_to(servers.database_url, "chaos")
    watcher = Watcher(pipeline, engine)
    with ExitStack() as stack:
        stack.enter_context(pipeline.run())
        stack.enter_context(watcher.run())
        reference, requests = Reference(reference_url), RequestLoop(pipeline, seed=1)
        outcome = Rounds(pipeline, engine, reference, watcher, requests, batch_s=120).run(
            Round(1, FIRST_DAY, 1, faults, 4)
        )
    engine.dispose()
    return outcome


def test_services_that_are_killed_collect_all_the_same_and_a_batch_without_a_model_is_found(
    own_servers: Servers, reference_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that nothing is trained, which takes longest.
    monkeypatch.setitem(SETTINGS, "VIRAL_MIN_TRAIN_TWEETS", "100000")
    faults = (
        Fault("kill", "scraper", 1.5, 0),
        Fault("stop", "trainer", 1.5, 1),
        Fault("descriptors", "trainer", 3, 1),
        Fault("kill", "trainer", 3.5, 0),
    )

    outcome = run_round(tmp_path, own_servers, reference_url, faults, services=("scraper", "trainer"))

    assert [one.missed for one in outcome.injections] == [None] * len(faults)
    assert len(outcome.broken) == 1, outcome.broken
    assert " is untrainable: " in outcome.broken[0]


@pytest.mark.long
def test_a_round_of_faults_breaks_nothing(own_servers: Servers, reference_url: str, tmp_path: Path) -> None:
    faults = (
        Fault("kill two", "scraper+evaluator", 1.5, 0),
        Fault("descriptors", "gateway-1", 2, 1),
        Fault("kill", "trainer/child", 3, 0),
        Fault("kill", "gateway-2", 3.5, 0),
    )

    outcome = run_round(tmp_path, own_servers, reference_url, faults, services=SERVICES)

    assert outcome.broken == []
