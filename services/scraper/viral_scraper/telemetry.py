"""Count for Prometheus what only the scraper knows."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

SOURCE_EXHAUSTED = Gauge("viral_source_exhausted", "1 while the source has nothing more to collect")
STREAM_EVENTS = Counter("viral_stream_events_total", "Events received on a stream of posts")
STREAM_RECEIVED_UNTIL = Gauge(
    "viral_stream_heard_until_seconds", "Time of the newest event stored, as seconds since 1970"
)
