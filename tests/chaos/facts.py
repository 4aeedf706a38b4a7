"""Read what is so, from Postgres, MLflow, the broker and the services themselves."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from mlflow import MlflowClient
from mlflow.entities import ViewType
from sqlalchemy import Engine, text
from viral_common.bus import topology
from viral_common.bus.messages import Message
from viral_common.registry.client import connect
from viral_common.registry.versions import EVENT_ID, MODEL_NAME

from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import GATEWAYS

Row = Mapping[str, Any]

TWEETS = """
    SELECT batch_id::text AS batch, md5(string_agg(tweets::text, chr(10) ORDER BY source, external_id)) AS digest
    FROM tweets GROUP BY batch_id
"""
BATCHES = """
    SELECT id::text AS batch, collected_at IS NOT NULL AS collected, tweet_count,
        md5((to_jsonb(batches) - ARRAY['started_at', 'collected_at', 'drift'])::text) AS digest
    FROM batches ORDER BY window_from
"""
PROFILES = """
    SELECT md5(string_agg(author_profiles::text, chr(10) ORDER BY source, author_id, day)) AS digest
    FROM author_profiles
"""
QUERIES = {
    "batches": BATCHES,
    "trainings": """
        SELECT event_id::text AS event, batch_id::text AS batch, model_version AS version, mlflow_run_id AS run
        FROM trainings ORDER BY model_version
    """,
    "verdicts": """
        SELECT id::text, batch_id::text AS batch, challenger_version AS version, outcome, reason FROM verdicts
    """,
    "promotions": """
        SELECT seq, model_version AS version, previous_version AS previous, verdict_id::text AS verdict
        FROM promotions ORDER BY seq
    """,
    "outbox": """
        SELECT message_id AS id, service, exchange, routing_key AS type, published_at IS NOT NULL AS published
        FROM outbox ORDER BY seq
    """,
    "inbox": "SELECT service, event_id::text AS event, state, failures, claims, last_error AS error FROM inbox",
}
QUEUES = (*topology.QUEUES, topology.DEAD_LETTER_QUEUE)


@dataclass
class Audit:
    """What the broker's audit queue held so far: it is emptied as it is read."""

    seen: Counter[str] = field(default_factory=Counter)
    digests: dict[str, set[str]] = field(default_factory=dict)

    def read(self, url: str) -> dict[str, int]:
        """Take what came since, and count what waits in the other queues."""
        with topology.open_connection(url, "chaos") as opened:
            channel = opened.channel()
            while True:
                method, properties, body = channel.basic_get(topology.AUDIT_QUEUE, auto_ack=True)
                if method is None or properties is None or body is None:
                    break
                self.add(Message.from_delivery(method, properties, body))
            return {
                queue: channel.queue_declare(queue, passive=True).method.message_count for queue in QUEUES
            }

    def add(self, message: Message) -> None:
        """Note an event."""
        known_by = message.message_id or "an event without an id"
        self.seen[known_by] += 1
        self.digests.setdefault(known_by, set()).add(hashlib.md5(message.body).hexdigest())


@dataclass(frozen=True)
class Facts:
    """All that can be seen at one moment; rows as the queries name their columns."""

    batches: list[Row] = field(default_factory=list)
    tweets: dict[str, str] = field(default_factory=dict)
    """Digest of each batch's rows."""
    profiles: str | None = None
    trainings: list[Row] = field(default_factory=list)
    verdicts: list[Row] = field(default_factory=list)
    promotions: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)
    inbox: list[Row] = field(default_factory=list)
    queues: dict[str, int] = field(default_factory=dict)
    audit: Audit = field(default_factory=Audit)
    versions: list[Row] = field(default_factory=list)
    """Registered in MLflow."""
    runs: list[Row] = field(default_factory=list)
    """Of MLflow, those not deleted."""
    aliases: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    """What keeps each service from being ready, in its own words."""
    serving: dict[str, int | None] = field(default_factory=dict)
    """The version that each gateway answers by."""


def read_facts(pipeline: Pipeline, engine: Engine, audit: Audit) -> Facts:
    """Ask everybody. Raises what their clients raise if one does not answer."""
    queues = audit.read(pipeline.servers.rabbitmq_url)
    rows = read_rows(engine)
    mlflow, _ = connect(pipeline.servers.mlflow_url)
    health = {name: ask_health(pipeline, name) for name in pipeline.services}
    return Facts(
        **rows,
        queues=queues,
        audit=audit,
        **_read_mlflow(mlflow),
        missing={name: list(map(str, said.get("missing", []))) for name, said in health.items()},
        serving={
            name: (health[name].get("model") or {}).get("version") for name in GATEWAYS if name in health
        },
    )


def read_rows(engine: Engine) -> dict[str, Any]:
    """Read all that Postgres holds, in one snapshot."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        rows: dict[str, Any] = {
            name: [dict(row) for row in connection.execute(text(query)).mappings()]
            for name, query in QUERIES.items()
        }
        rows["tweets"] = {row.batch: row.digest for row in connection.execute(text(TWEETS))}
        rows["profiles"] = connection.scalar(text(PROFILES))
    return rows


def ask_health(pipeline: Pipeline, service: str, timeout_s: float = 5) -> dict[str, Any]:
    """Ask a service whether it is ready; one that does not answer says so itself."""
    try:
        reply = httpx.get(f"{pipeline.format_health_url(service)}/health/ready", timeout=timeout_s)
        answer: dict[str, Any] = reply.json()
    except (httpx.TransportError, ValueError) as error:
        return {"missing": [f"it does not answer ({type(error).__name__})"]}
    return answer


def _read_mlflow(mlflow: MlflowClient) -> dict[str, Any]:
    experiment = mlflow.get_experiment_by_name(MODEL_NAME)
    places = [experiment.experiment_id] if experiment else []  # nothing was trained yet
    runs = mlflow.search_runs(places, run_view_type=ViewType.ACTIVE_ONLY, max_results=5000) if places else []
    versions = mlflow.search_model_versions(f"name = '{MODEL_NAME}'", max_results=5000)
    models = mlflow.search_registered_models(f"name = '{MODEL_NAME}'")
    return {
        "runs": [
            {"run": run.info.run_id, "status": run.info.status, "event": run.data.tags.get(EVENT_ID)}
            for run in runs
        ],
        "versions": [{"version": int(one.version), "run": one.run_id} for one in versions],
        "aliases": {name: int(version) for one in models for name, version in one.aliases.items()},
    }
