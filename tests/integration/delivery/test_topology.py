"""What the management console shows of the broker: queues, bindings and consumers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pika.exceptions import ChannelClosedByBroker
from viral_common.bus import topology
from viral_common.bus.operations import prepare_broker
from viral_common.delivery.service import Service
from viral_common.events import BatchCollected, ModelPromoted, ModelTrained
from viral_common.settings import CommonSettings

from tests.conftest import console
from tests.eventually import eventually
from tests.integration.delivery.example_events import make_batch_collected
from tests.integration.delivery.running_trainer import publish_event
from tests.servers import Servers

QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
AUDIT = {**QUORUM, "x-max-length": 10_000, "x-overflow": "drop-head"}
WORK = {**QUORUM, "x-dead-letter-exchange": "viral.dead-letters"}


class Broker:
    """One virtual host, as the console's API tells it."""

    def __init__(self, api: httpx.Client, vhost: str) -> None:
        self._api, self._vhost = api, vhost

    def queues(self) -> dict[str, dict[str, Any]]:
        return {queue["name"]: queue for queue in self._get("queues")}

    def bindings(self) -> set[tuple[str, str, str]]:
        """Exchange, routing key and queue; without those that every queue has."""
        bound = [(one["source"], one["routing_key"], one["destination"]) for one in self._get("bindings")]
        return {binding for binding in bound if binding[0]}

    def consumer_tags(self) -> dict[str, str]:
        """By queue."""
        return {one["queue"]["name"]: one["consumer_tag"] for one in self._get("consumers")}

    def read_messages(self, queue: str) -> list[dict[str, Any]]:
        """Get messages as a person does on the queue's page, who keeps the ack mode."""
        asked = {"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto"}
        reply = self._api.post(f"/api/queues/{self._vhost}/{queue}/get", json=asked)
        reply.raise_for_status()
        messages: list[dict[str, Any]] = reply.json()
        return messages

    def _get(self, what: str) -> list[dict[str, Any]]:
        reply = self._api.get(f"/api/{what}/{self._vhost}")
        reply.raise_for_status()
        found: list[dict[str, Any]] = reply.json()
        return found


@pytest.fixture
def broker(servers: Servers, rabbitmq_url: str) -> Iterator[Broker]:
    with console(servers) as api:
        yield Broker(api, urlsplit(rabbitmq_url).path.removeprefix("/"))


def test_preparing_makes_the_whole_topology(broker: Broker) -> None:
    queues = broker.queues()

    assert broker.bindings() == {
        ("viral.events", "batch.collected", "trainer.batch-collected"),
        ("viral.events", "model.trained", "evaluator.model-trained"),
        ("viral.events", "#", "audit"),
        ("viral.dead-letters", "dead-letters", "dead-letters"),  # a fanout: the key says nothing
    }
    assert {name: (queue["type"], queue["arguments"]) for name, queue in queues.items()} == {
        "trainer.batch-collected": ("quorum", WORK),
        "evaluator.model-trained": ("quorum", WORK),
        "audit": ("quorum", AUDIT),
        "dead-letters": ("quorum", QUORUM),
    }
    assert all(queue["durable"] and not queue["exclusive"] for queue in queues.values())


def test_an_audit_queue_that_would_go_with_its_node_is_made_anew(broker: Broker, rabbitmq_url: str) -> None:
    with topology.open_connection(rabbitmq_url, "tests") as connection:
        channel = connection.channel()
        channel.queue_delete("audit")
        channel.queue_declare("audit", durable=True, arguments={"x-max-length": 10_000})

    prepare_broker(rabbitmq_url)
    prepare_broker(rabbitmq_url)

    audit = broker.queues()["audit"]
    assert (audit["type"], audit["arguments"]) == ("quorum", AUDIT)
    assert ("viral.events", "#", "audit") in broker.bindings()


def test_events_stay_readable_in_the_console(broker: Broker, rabbitmq_url: str) -> None:
    event = publish_event(rabbitmq_url, make_batch_collected())

    looks = [eventually(lambda: broker.read_messages("audit")) for _ in range(3)]

    assert [[one["properties"]["message_id"] for one in look] for look in looks] == [[str(event.id)]] * 3


def test_a_queue_of_work_with_other_arguments_is_left_alone(rabbitmq_url: str) -> None:
    with topology.open_connection(rabbitmq_url, "tests") as connection:
        channel = connection.channel()
        channel.queue_delete("trainer.batch-collected")
        channel.queue_declare("trainer.batch-collected", durable=True)

    with pytest.raises(ChannelClosedByBroker, match=r"trainer\.batch-collected"):
        prepare_broker(rabbitmq_url)


def test_any_host_that_answers_is_good_enough(rabbitmq_url: str) -> None:
    parts = urlsplit(rabbitmq_url)
    account, _, host = parts.netloc.rpartition("@")
    several = parts._replace(netloc=f"{account}@127.0.0.1:1,{host},127.0.0.1:2").geturl()

    for _ in range(5):
        with topology.open_connection(several, "tests") as connection:
            assert connection.is_open


def test_consumers_carry_their_queues_name_and_a_gateways_queue_is_its_own(
    broker: Broker, settings: CommonSettings
) -> None:
    with (
        Service("trainer", settings) as trainer,
        Service("evaluator", settings) as evaluator,
        Service("gateway", settings) as gateway,
    ):
        trainer.handle(BatchCollected, lambda _: [])
        evaluator.handle(ModelTrained, lambda _: [])
        gateway.subscribe(ModelPromoted, lambda _: None, lambda: None)
        for service in (trainer, evaluator, gateway):
            service.start()
        tags = eventually(lambda: len(tags := broker.consumer_tags()) == 3 and tags)
        (own,) = tags.keys() - {"trainer.batch-collected", "evaluator.model-trained"}
        queue = broker.queues()[own]
        bindings = broker.bindings()

    assert all(tag == name for name, tag in tags.items())
    assert own.startswith("gateway.model-promoted.")
    assert (queue["type"], queue["exclusive"], queue["auto_delete"]) == ("classic", True, True)
    assert ("viral.events", "model.promoted", own) in bindings
