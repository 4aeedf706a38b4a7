"""A service killed at any boundary of delivery: nothing lost, nothing done twice that counts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from viral_common.bus import topology
from viral_common.database.engine import Sessions
from viral_common.events import CloudEvent, derive_event_id
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.integration.delivery.crashing import BOUNDARIES
from tests.integration.delivery.example_events import make_batch_collected
from tests.integration.delivery.running_trainer import publish_event, read_published, read_state

# Only here may the broker see the caused event twice: published, then killed before the stamp. Ids tell copies apart.
MAY_PUBLISH_TWICE = "published, not stamped"
# And only here had the handler come to its end, or into it, before the kill.
MAY_HANDLE_TWICE = ("inside the handler", "handled, nothing settled")
ROOT = Path(__file__).parents[3]


def start(boundary: str, handled: Path, settings: CommonSettings) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "VIRAL_LEASE_S": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.integration.delivery.crashing", boundary, str(handled)]
    # In a folder where no `.env` lies.
    return subprocess.Popen(command, env=environment, cwd=handled.parent, stderr=subprocess.DEVNULL)


def caused_events(url: str) -> list[CloudEvent]:
    """What lies in the next service's queue."""
    found = []
    with topology.open_connection(url, "tests") as connection:
        channel = connection.channel()
        while (got := channel.basic_get("evaluator.model-trained", auto_ack=True))[0] is not None:
            found.append(CloudEvent.model_validate_json(got[2]))
    return found


@pytest.mark.parametrize("boundary", [*BOUNDARIES, "inside the handler"])
def test_a_killed_service_goes_on_where_it_was(
    boundary: str, settings: CommonSettings, db: Sessions, tmp_path: Path
) -> None:
    url, handled = settings.rabbitmq_url.get_secret_value(), tmp_path / "handled"
    event = publish_event(url, make_batch_collected())
    killed = start(boundary, handled, settings)
    assert killed.wait(30) == -signal.SIGKILL

    again = start("nowhere", handled, settings)
    try:
        eventually(lambda: read_state(db, event.id) == "done" and read_published(db), within_s=30)
    finally:
        again.terminate()
        stopped = again.wait(20)

    caused = caused_events(url)
    assert stopped in (0, -signal.SIGTERM)
    assert {one.id for one in caused} == {derive_event_id(event.id, "model.trained")}
    assert len(caused) == 1 or boundary == MAY_PUBLISH_TWICE
    assert len(handled.read_text().split()) == (2 if boundary in MAY_HANDLE_TWICE else 1)
