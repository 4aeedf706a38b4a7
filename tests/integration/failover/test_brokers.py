"""Three nodes of RabbitMQ under a stream of events: each vanishes in turn, and nothing is lost, doubled or silent."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from viral_common.bus import topology
from viral_common.database.engine import Sessions
from viral_common.delivery.service import Service
from viral_common.events import BatchCollected, ModelTrained
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.integration.delivery.example_events import make_batch_collected, make_model_trained
from tests.integration.failover.conftest import known_by_name
from tests.integration.failover.machines import NAMES, Machines, make_machines

PREPARE = """\
viral servers prepare --secrets secrets --ca-file certs/trust/ca.crt \
  --console-url https://one:15671 --rabbitmq-url amqps://one:5671/%2F
"""
pytestmark = pytest.mark.timeout(600)
EVERY_S = 0.2
# What must hold: publishing goes on, and who cannot publish says so.
GOES_ON_S = 30
SAYS_SO_S = 30
# Of the stream after the worst is over, to see that it flows again.
FLOWS_S = 8
LATENCY = text("""
    SELECT max(extract(epoch FROM coalesce(published_at, clock_timestamp()) - created_at)),
        max(extract(epoch FROM coalesce(inbox.received_at, clock_timestamp()) - created_at))
    FROM outbox LEFT JOIN inbox ON inbox.event_id::text = outbox.message_id
    WHERE outbox.service = 'scraper' AND created_at > to_timestamp(:since)
""")
WAITING = text("SELECT count(*) FROM outbox WHERE published_at IS NULL")
OLDEST_WAITING = text("""
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0) FROM outbox
    WHERE service = 'scraper' AND published_at IS NULL
""")


@dataclass
class Stream:
    """A scraper that says something new all the time, and what it says of itself."""

    scraper: Service
    db: Sessions
    sent: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    @contextmanager
    def run(self) -> Iterator[None]:
        stopping = threading.Event()
        threads = [threading.Thread(target=run, args=(stopping,)) for run in (self._send, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            for thread in threads:
                thread.join()

    def _send(self, stopping: threading.Event) -> None:
        while not stopping.wait(EVERY_S):
            event = make_batch_collected()
            with self.db.begin() as session:
                self.scraper.emit(session, event)
            self.sent.append(str(event.id))

    def _look(self, stopping: threading.Event) -> None:
        """Note when it said that it was ready, though what it had to say had waited for long."""
        while not stopping.wait(0.5):
            with self.db() as session:
                waited_s = float(session.scalar(OLDEST_WAITING) or 0)
            if waited_s > SAYS_SO_S and not self.scraper.find_missing():
                self.silent.append(f"ready, though an event waits for {waited_s:.0f} s")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    with make_machines(tmp_path) as machines, known_by_name(machines.hosts):
        machines.follow("Secrets and certificates", "etcd and RabbitMQ")
        machines["one"].run(PREPARE)
        yield machines


@pytest.fixture
def url(machines: Machines) -> str:
    password = machines["one"].run("cat secrets/operator/viral_rabbitmq_password").strip()
    return f"amqps://operator:{password}@one,two,three/%2F"


@pytest.fixture
def settings(settings: CommonSettings, machines: Machines, url: str) -> CommonSettings:
    authority = machines.folder / "opt/viral-tweets/certs/trust/ca.crt"
    given = {**settings.model_dump(), "rabbitmq_url": SecretStr(url), "ca_file": authority}
    return CommonSettings.model_validate(given)


def find_leaders(machines: Machines, at: str) -> Counter[str]:
    """Count the queues that each node leads."""
    said = machines[at].run("rabbitmqctl --quiet --no-table-headers list_queues leader")
    return Counter(line.removeprefix("rabbit@") for line in said.split())


def read_ids(url: str, queue: str) -> Counter[str]:
    """Read the ids of all messages in a queue."""
    found: Counter[str] = Counter()
    with topology.open_connection(url, "tests") as opened:
        channel = opened.channel()
        while (got := channel.basic_get(queue))[0] is not None:
            found[got[1].message_id] += 1
    return found


def test_each_node_vanishes_in_turn(machines: Machines, settings: CommonSettings, db: Sessions) -> None:
    trained: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    figures: dict[str, str] = {}
    url = settings.rabbitmq_url.get_secret_value()
    with (
        Service("scraper", settings) as scraper,
        Service("trainer", settings) as trainer,
        Service("evaluator", settings) as evaluator,
    ):
        trainer.handle(
            BatchCollected, lambda e: trained.update([str(e.id)]) or [make_model_trained(e.batch_id)]
        )
        evaluator.handle(ModelTrained, lambda e: judged.update([str(e.batch_id)]) or [])
        services = (scraper, trainer, evaluator)
        for service in services:
            service.start()
        eventually(lambda: not any(service.find_missing() for service in services))
        stream = Stream(scraper, db)
        with stream.run():
            # Last the one that has most to hand over: it got what the others led.
            for name in NAMES:
                time.sleep(3)
                led, since = find_leaders(machines, name), time.time()
                machines[name].lose()
                time.sleep(FLOWS_S)
                eventually(lambda: not any(one.find_missing() for one in services), within_s=GOES_ON_S * 2)
                ready_s = time.time() - since
                time.sleep(FLOWS_S)
                with db() as session:
                    published_s, received_s = session.execute(LATENCY, {"since": since - 1}).one()
                figures[name] = (
                    f"led {led[name]} queues; published after {published_s:.1f} s at most, "
                    f"received after {received_s:.1f} s at most, all ready after {ready_s:.1f} s at most"
                )
                machines[name].boot()
                machines[name].run("until rabbitmqctl --timeout 90 await_online_nodes 3; do sleep 2; done")
                assert published_s < GOES_ON_S, figures
                assert received_s < GOES_ON_S, figures
        eventually(lambda: len(judged) == len(stream.sent), within_s=60)
        with db() as session:
            eventually(lambda: session.scalar(WAITING) == 0, within_s=30)

    print(f"\n{len(stream.sent)} events; {figures}")  # noqa: T201
    assert stream.silent == []
    assert trained == Counter(stream.sent)
    assert max(judged.values()) == 1
    assert set(read_ids(url, topology.AUDIT_QUEUE)) >= set(stream.sent)
    assert not read_ids(url, topology.DEAD_LETTER_QUEUE)
