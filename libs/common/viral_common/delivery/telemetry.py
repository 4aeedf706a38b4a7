"""Count a service's events for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS_RECEIVED = Counter("viral_events_received_total", "Events taken over from the broker", ["type"])
EVENTS_REJECTED = Counter("viral_events_rejected_total", "Messages that could not be decoded")
EVENTS_HANDLED = Counter("viral_events_handled_total", "Events settled by the worker", ["type", "outcome"])
EVENTS_PUBLISHED = Counter(
    "viral_events_published_total", "Messages confirmed by the broker", ["routing_key"]
)
HANDLER_SECONDS = Histogram(
    "viral_handler_seconds",
    "Time a handler took",
    ["type"],
    buckets=(0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200),
)
LOOP_AGE = Gauge(
    "viral_loop_age_seconds",
    "Time since a loop moved, rest that it meant to take left out",
    ["loop"],
    multiprocess_mode="livemostrecent",  # as READY
)
READY = Gauge(
    "viral_ready",
    "1 while the service consumes and its database answers",
    multiprocess_mode="livemostrecent",  # of a gateway's workers the one that was asked last
)
