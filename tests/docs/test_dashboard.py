"""What the dashboard and the operations page show is what the code exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prometheus_client import REGISTRY
from viral_common.delivery import telemetry
from viral_gateway import telemetry as gateway_telemetry
from viral_scraper import telemetry as scraper_telemetry
from viral_trainer import telemetry as trainer_telemetry

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "infra" / "grafana" / "dashboards" / "viral.json"
MODULES = (telemetry, gateway_telemetry, scraper_telemetry, trainer_telemetry)


def exported() -> set[str]:
    """Every name that /metrics of any service can show."""
    names = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    families = {family.name for family in REGISTRY.collect() if family.name.startswith("viral_")}
    # A metric with labels has no samples before its first use: its family tells the names.
    return names | {name + end for name in families for end in ("", "_total", "_bucket", "_sum", "_count")}


def test_every_metric_on_the_dashboard_exists() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    expressions = " ".join(target["expr"] for panel in panels for target in panel["targets"])

    shown = set(re.findall(r"\bviral_\w+", expressions))

    assert shown
    assert shown - exported() == set()


def test_every_metric_is_explained_on_the_operations_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    own = {
        sample
        for module in MODULES
        for sample in re.findall(r'\("(viral_\w+)"', Path(module.__file__ or "").read_text(encoding="utf-8"))
    }

    assert {name for name in own if f"`{name}`" not in page} == set()
