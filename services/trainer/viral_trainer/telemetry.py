"""Count for Prometheus what only the trainer knows."""

from __future__ import annotations

from prometheus_client import Counter

REPORTS_FAILED = Counter("viral_reports_failed_total", "Trainings whose run got no report on its batch")
