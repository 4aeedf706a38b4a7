"""Count what Prometheus reads of the gateway."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from viral_gateway.shared_telemetry import SHARED_TELEMETRY

REQUESTS = Counter("viral_gateway_requests_total", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram(
    "viral_gateway_request_seconds",
    "From the first byte of a request's head to the last of its reply",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
PREDICTIONS = Counter("viral_gateway_predictions_total", "Tweets predicted", ["viral"])
BATCH_TWEETS = Histogram(
    "viral_gateway_batch_tweets", "Tweets scored in one go", buckets=(1, 2, 4, 8, 16, 32)
)
TURNED_AWAY = Counter("viral_gateway_turned_away_total", "Calls refused because too many tweets were waiting")
REFUSED_CONNECTIONS = Counter(
    "viral_gateway_refused_connections_total",
    "Connections closed because one caller or all had too many open",
)
REFUSED_KEYS = Counter(
    "viral_gateway_refused_keys_total", "Requests with a key that is none of this gateway's"
)
KEY_REQUESTS = Counter(
    "viral_gateway_key_requests_total",
    "Requests by the name of their key; those of persons by OpenID Connect together",
    ["key"],
)
AUTHORS = Counter(
    "viral_gateway_author_lookups_total", "Authors whose history was asked for", ["answered_by"]
)
LOGGED = Counter("viral_gateway_predictions_remembered_total", "Predictions written down in Postgres")
NOT_LOGGED = Counter(
    "viral_gateway_predictions_not_remembered_total", "Predictions let go instead of written down", ["reason"]
)
SWAPS = Counter("viral_gateway_swaps_total", "Models swapped in")
REFUSED = Counter("viral_gateway_refused_artefacts_total", "Promoted artefacts that may not serve")
# Of several workers the one that is furthest behind is shown.
MODEL_VERSION = Gauge(
    "viral_gateway_model_version", "Version that answers; 0: none yet", multiprocess_mode="livemin"
)
PROMOTION_SEQ = Gauge(
    "viral_gateway_promotion_seq", "Promotion that answers; 0: none yet", multiprocess_mode="livemin"
)
LISTENERS = Gauge(
    "viral_gateway_event_listeners", "Open streams of server-sent events", multiprocess_mode="livesum"
)


def render_telemetry() -> bytes:
    """Render the figures of all workers in Prometheus' text format."""
    if SHARED_TELEMETRY not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
