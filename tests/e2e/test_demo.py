"""The whole product as a new user starts it: `viral demo` on a small archive, then every page and console."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from viral_common.addresses import split_account
from viral_common.artefact.files import TOKENIZER, read_artefact
from viral_common.artefact.predictor import SAMPLE_TOLERANCE, Predictor
from viral_common.artefact.tokens import read_tokenizer
from viral_common.bus import operations, topology
from viral_common.bus.messages import Message
from viral_common.bus.publisher import Publisher
from viral_common.database.engine import connect, make_sessions
from viral_common.events import BatchCollected, CloudEvent, wrap_event
from viral_common.registry.versions import Registry
from viral_common.settings import CommonSettings
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.features import TweetInput
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.tweet import LabelledTweet
from viral_trainer.data.examples import make_examples
from viral_trainer.model.export import load_network
from viral_trainer.training.blending import compute_logits

from tests.e2e.archives import small_archive
from tests.e2e.demo_stack import DemoStack
from tests.eventually import eventually

ROWS = 6_000
BATCH_SIZE = 3_000
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStack]:
    folder = tmp_path_factory.mktemp("demo")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRAL_")}
    environment = {
        **kept,
        "VIRAL_DATA_DIR": str(folder / "data"),
        "VIRAL_BATCH_SIZE": str(BATCH_SIZE),
        "COLUMNS": "200",
    }
    archive = small_archive(folder, ROWS)
    blank = DemoStack(folder, environment, archive, "")
    try:
        yield replace(blank, printed=blank.run("viral", "demo", "--tweets", str(archive)))
    finally:
        blank.run("viral", "down", "--purge")


def test_the_demo_ends_well_and_the_printed_curl_works(demo: DemoStack) -> None:
    curl = next(line for line in demo.printed.splitlines() if line.lstrip().startswith("curl"))

    answer = subprocess.run(shlex.split(curl), capture_output=True, check=True, timeout=30)

    assert 0 <= json.loads(answer.stdout)["predictions"][0]["probability"] <= 1
    for address in ("gateway_url", "mlflow_url", "rabbitmq_console_url"):
        assert split_account(demo.stack[address])[0] in demo.printed
    assert "\x1b" not in demo.printed


def test_every_batch_has_its_trail_to_a_verdict(demo: DemoStack) -> None:
    batches = demo.get("/v1/batches")["batches"]

    assert len(batches) >= 2
    assert all(batch["verdict"]["reason"] for batch in batches)
    assert "promoted" in [batch["verdict"]["outcome"] for batch in batches]
    assert BATCH_SIZE in [batch["collected"]["tweet_count"] for batch in batches]
    assert demo.get("/v1/model")["version"] in [batch["trained"]["model_version"] for batch in batches]


def test_programs_get_the_probabilities_of_the_training_code(demo: DemoStack, tmp_path: Path) -> None:
    tweets = stored_tweets(demo, 1000)
    registry = Registry(demo.stack["mlflow_url"])
    version = registry.get_version(demo.get("/v1/model")["version"])
    artefact = read_artefact(registry.download(version.artifact_uri, tmp_path), version.artifact_sha256)
    tokenizer = read_tokenizer(artefact.directory / TOKENIZER, artefact.spec.max_tokens)

    answered = [
        p for start in range(0, len(tweets), 200) for p in predicted(demo, tweets[start : start + 200])
    ]
    examples = make_examples(tweets, tokenizer, artefact.spec.features)
    trained = artefact.spec.calibration.compute_probabilities(
        compute_logits(load_network(artefact), examples)
    )
    precision = demo.get("/v1/model")["precision"]
    in_fp32, judged = (
        Predictor.load(artefact, one).predict([tweet.input for tweet in tweets])
        for one in ("fp32", precision)
    )

    assert len(answered) == 1000
    assert np.abs(trained - in_fp32).max() < 1e-4
    assert np.abs(judged - np.array(answered)).max() < SAMPLE_TOLERANCE


def stored_tweets(demo: DemoStack, count: int) -> list[LabelledTweet]:
    """As training reads them, with what was known of their authors."""
    batches = [UUID(batch["batch_id"]) for batch in demo.get("/v1/batches")["batches"]]
    settings = CommonSettings.model_validate(
        {"database_url": demo.stack["database_url"], "rabbitmq_url": demo.stack["rabbitmq_url"]}
    )
    engine = connect(settings, "tests")
    tweets = TweetStore(make_sessions(engine)).read_labelled(batches, "train", LabelRule(0, settings.min_age))
    engine.dispose()
    return tweets[-count:]


def predicted(demo: DemoStack, tweets: list[LabelledTweet]) -> list[float]:
    body = {"tweets": [make_request(tweet.input) for tweet in tweets]}
    answer = httpx.post(demo.stack["gateway_url"] + "/v1/predictions", json=body, timeout=60)
    return [one["probability"] for one in answer.raise_for_status().json()["predictions"]]


def make_request(tweet: TweetInput) -> dict[str, Any]:
    return {
        "text": tweet.text,
        "username": tweet.username,
        "created_at": tweet.created_at.isoformat(),
        "photos_count": tweet.photos_count,
        "has_video": tweet.has_video,
        "is_quote_tweet": tweet.is_quote_tweet,
    }


def test_operators_see_named_connections_queues_readable_events_and_the_trace(demo: DemoStack) -> None:
    with bus_console(demo) as console:
        connections = {
            one["client_properties"].get("connection_name", "")
            for one in console.get("/api/connections").json()
        }
        queues = {one["name"] for one in console.get("/api/queues").json()}
        body = {"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto"}
        audit = console.post("/api/queues/%2F/audit/get", json=body).json()
        traces = console.get("/api/traces/%2F").json()

    assert {name.split("@")[0] for name in connections} >= {"scraper", "trainer", "evaluator", "gateway"}
    assert queues >= {"trainer.batch-collected", "evaluator.model-trained", "audit", "dead-letters"}
    assert any(name.startswith("gateway.model-promoted.") for name in queues)
    facts = [CloudEvent.model_validate_json(one["payload"]) for one in audit]
    assert {one.type for one in facts} == {"batch.collected", "model.trained", "model.promoted"}
    assert [one["name"] for one in traces] == ["viral"]


def bus_console(demo: DemoStack) -> httpx.Client:
    address = httpx.URL(demo.stack["rabbitmq_url"])
    return httpx.Client(
        base_url=demo.stack["rabbitmq_console_url"], auth=(address.username, address.password), timeout=20
    )


def test_data_scientists_find_runs_curves_versions_and_aliases_in_mlflow(demo: DemoStack) -> None:
    client = MlflowClient(demo.stack["mlflow_url"])
    champion = client.get_model_version_by_alias("tweet-virality", "champion")
    challenger = client.get_model_version_by_alias("tweet-virality", "challenger")

    curve = client.get_metric_history(champion.run_id, "train_loss")

    tested = client.get_run(champion.run_id).data.metrics["test_auc"]

    assert int(champion.version) == demo.get("/v1/model")["version"]
    assert champion.tags["viral.verdict"] == "promoted"
    assert champion.tags["viral.precision"] == demo.get("/v1/model")["precision"]
    assert tested == pytest.approx(demo.get("/v1/model")["metrics"]["auc"])
    assert {"test_auc_fp32", "test_auc_int8"} <= set(client.get_run(champion.run_id).data.metrics)
    assert int(challenger.version) == len(demo.get("/v1/models")["models"])
    assert len(curve) > 5
    assert curve[-1].value < curve[0].value
    assert client.get_run(champion.run_id).info.status == "FINISHED"


def test_a_bad_message_and_an_unknown_batch_become_dead_letters_with_their_reasons(demo: DemoStack) -> None:
    unknown = BatchCollected(
        batch_id=uuid4(),
        source="archive",
        query="none",
        window_from=datetime(2026, 1, 1, tzinfo=UTC),
        window_to=datetime(2026, 1, 2, tzinfo=UTC),
        tweet_count=1,
        train_count=1,
        test_count=0,
        viral_rate=0,
    )
    with topology.open_connection(demo.stack["rabbitmq_url"], "tests") as connection:
        publisher = Publisher(connection, "tests")
        event = wrap_event(unknown, "viral/tests/host")
        for body in (b"no event", event.model_dump_json().encode()):
            publisher.publish(Message("", "trainer.batch-collected", body))

    eventually(lambda: len(operations.list_dead_letters(demo.stack["rabbitmq_url"])) == 2, within_s=60)
    listed = demo.run("viral", "dead-letters", "list")

    assert "no valid batch.collected event" in listed
    assert f"batch {unknown.batch_id} does not exist" in " ".join(listed.split())


def test_a_second_demo_does_no_harm(demo: DemoStack) -> None:
    before = demo.get("/v1/model")

    demo.run("viral", "demo", "--tweets", str(demo.archive))

    assert demo.get("/v1/model") == before


def test_a_setting_given_to_a_running_stack_is_taken_up_and_stays(demo: DemoStack) -> None:
    before = demo.stack["pids"]
    other = replace(demo, environment={**demo.environment, "VIRAL_LOG_LEVEL": "debug"})

    other.run("viral", "up")
    after = demo.stack["pids"]
    demo.run("viral", "up")

    changed = {name for name, pid in after.items() if pid != before[name]}
    assert changed == {"scraper", "trainer", "evaluator", "gateway"}
    assert demo.stack["pids"] == after


def test_what_nobody_waits_for_steps_back_behind_replies(demo: DemoStack) -> None:
    nice = {name: psutil.Process(pid).nice() for name, pid in demo.stack["pids"].items()}

    behind = {name for name in nice if nice[name] > nice["gateway"]}
    assert behind == {"scraper", "trainer", "evaluator", "mlflow"}


def test_killed_services_are_started_again(demo: DemoStack) -> None:
    before = demo.stack["pids"]
    services = {"scraper", "trainer", "evaluator", "gateway"}

    for service in services:
        os.kill(before[service], signal.SIGKILL)

    eventually(
        lambda: all(demo.stack["pids"][service] != before[service] for service in services), within_s=60
    )
    eventually(lambda: demo.type("viral", "status").returncode == 0, within_s=60)


def test_a_version_promoted_by_hand_is_served_and_rolled_back(demo: DemoStack) -> None:
    champion = demo.get("/v1/model")["version"]
    other = next(one["version"] for one in demo.get("/v1/models")["models"] if one["version"] != champion)

    demo.run("viral-evaluator", "promote", str(other), "--reason", "to see it")
    eventually(lambda: demo.get("/v1/model")["version"] == other, within_s=20)
    demo.run("viral-evaluator", "rollback")
    eventually(lambda: demo.get("/v1/model")["version"] == champion, within_s=20)

    refused = demo.run("viral-evaluator", "promote", "999", "--reason", "typo", expected=2)
    assert "version 999 does not exist" in refused


def test_down_stops_everything_it_started(demo: DemoStack) -> None:
    pids = list(demo.stack["pids"].values())

    demo.run("viral", "down")

    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert "nothing is running" in demo.run("viral", "down")
