"""What each user of RabbitMQ is refused, tried for real, and that it can do its own work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from viral_common.addresses import Account, replace_account
from viral_common.bus.operations import tail
from viral_common.bus.topology import AUDIT_QUEUE, DEAD_LETTER_QUEUE, DEAD_LETTERS, EVENTS, open_connection
from viral_common.errors import ServerAway
from viral_local.prepare.rabbitmq import USERS, prepare_users
from viral_local.prepare.secret_files import RABBITMQ

from tests.servers import Servers

OWN_EVENT = {"scraper": "batch.collected", "trainer": "model.trained", "evaluator": "model.promoted"}
OWN_QUEUE = {"trainer": "trainer.batch-collected", "evaluator": "evaluator.model-trained"}
SHARED_QUEUES = (*OWN_QUEUE.values(), AUDIT_QUEUE, DEAD_LETTER_QUEUE)
REFUSED, LOCKED = 403, 405
SERVICES = ("scraper", "trainer", "evaluator", "gateway", "notifier", "tracer")
OpenAs = Callable[[str], BlockingChannel]


@pytest.fixture
def url(servers: Servers, rabbitmq_url: str) -> str:
    """The test's own virtual host, with every user let in."""
    vhost = urlsplit(rabbitmq_url).path.removeprefix("/")
    admin = urlsplit(rabbitmq_url)
    account = Account(admin.username or "", admin.password or "")
    console = replace_account(servers.rabbitmq_console_url, account, "")
    prepare_users(console, servers.secrets.read_all(RABBITMQ), vhost)
    return rabbitmq_url


@pytest.fixture
def open_as(servers: Servers, url: str) -> Iterator[OpenAs]:
    """A channel, as any user."""
    opened = []

    def open_channel(user: str) -> BlockingChannel:
        account = Account(user, servers.secrets.read(user, RABBITMQ))
        connection = open_connection(replace_account(url, account, urlsplit(url).path), f"{user}@test")
        opened.append(connection)
        channel = connection.__enter__().channel()
        channel.confirm_delivery()
        return channel

    yield open_channel
    for connection in opened:
        connection.__exit__(None, None, None)


@contextmanager
def expect_refusal(code: int = REFUSED) -> Iterator[None]:
    with pytest.raises(ChannelClosedByBroker) as refused:
        yield
    assert refused.value.reply_code == code


@pytest.mark.parametrize("user", SERVICES)
def test_each_publishes_its_own_event_alone(open_as: OpenAs, user: str) -> None:
    for event in (*OWN_EVENT.values(), "anything", "model-trained", "batchXcollected"):
        if OWN_EVENT.get(user) == event:
            open_as(user).basic_publish(EVENTS, event, b"{}", mandatory=True)
            continue
        with expect_refusal():
            open_as(user).basic_publish(EVENTS, event, b"{}")


@pytest.mark.parametrize("user", SERVICES)
def test_none_reaches_a_queue_past_the_exchange(open_as: OpenAs, user: str) -> None:
    with expect_refusal():
        open_as(user).basic_publish("", "evaluator.model-trained", b"{}")


@pytest.mark.parametrize("user", SERVICES)
def test_each_reads_its_own_queue_alone(open_as: OpenAs, user: str) -> None:
    for queue in SHARED_QUEUES:
        if OWN_QUEUE.get(user) == queue:
            open_as(user).basic_consume(queue, lambda *_: None)
            continue
        with expect_refusal():
            open_as(user).basic_consume(queue, lambda *_: None)
        with expect_refusal():
            open_as(user).basic_get(queue)


CONFIGURE: dict[str, Callable[[BlockingChannel], object]] = {
    "delete a work queue": lambda channel: channel.queue_delete("trainer.batch-collected"),
    "delete the exchange": lambda channel: channel.exchange_delete(EVENTS),
    "make a queue": lambda channel: channel.queue_declare("mine", durable=True),
    "make an exchange": lambda channel: channel.exchange_declare("mine", "fanout"),
    "bind the audit elsewhere": lambda channel: channel.queue_bind(AUDIT_QUEUE, DEAD_LETTERS),
    "unbind the trainer": lambda channel: channel.queue_unbind(
        "trainer.batch-collected", EVENTS, "batch.collected"
    ),
    "lead events round": lambda channel: channel.exchange_bind(DEAD_LETTERS, EVENTS, "#"),
}


@pytest.mark.parametrize("what", CONFIGURE)
def test_none_changes_what_others_use(open_as: OpenAs, what: str) -> None:
    for user in SERVICES:
        with expect_refusal():
            CONFIGURE[what](open_as(user))


@pytest.mark.parametrize("user", SERVICES)
def test_none_empties_anothers_queue(open_as: OpenAs, user: str) -> None:
    for queue in {*SHARED_QUEUES} - {OWN_QUEUE.get(user)}:
        with expect_refusal():
            open_as(user).queue_purge(queue)


def test_a_gateway_hears_promotions_and_nothing_else(open_as: OpenAs) -> None:
    own = "gateway.model-promoted.here"
    channel = open_as("gateway")
    channel.queue_declare(own, exclusive=True, auto_delete=True)
    channel.queue_bind(own, EVENTS, "model.promoted")

    for key in ("#", "*.*", "batch.collected"):
        other = open_as("gateway")
        other.queue_declare(f"{own}-too", exclusive=True, auto_delete=True)
        with expect_refusal():
            other.queue_bind(f"{own}-too", EVENTS, key)
        other.connection.close()
    with expect_refusal(LOCKED):
        open_as("gateway").basic_consume(own, lambda *_: None)
    open_as("evaluator").basic_publish(EVENTS, "model.promoted", b"{}")
    assert channel.basic_get(own)[2] == b"{}"


def test_a_consumer_dead_letters_and_nobody_reads_them_but_the_operator(open_as: OpenAs) -> None:
    open_as("trainer").basic_publish(DEAD_LETTERS, "", b"broken", BasicProperties(message_id="1"))

    with expect_refusal():
        open_as("scraper").basic_publish(DEAD_LETTERS, "", b"forged")
    assert open_as("operator").basic_get(DEAD_LETTER_QUEUE, auto_ack=True)[2] == b"broken"


@pytest.mark.parametrize("user", SERVICES)
def test_none_may_ask_the_console(servers: Servers, url: str, user: str) -> None:
    own = (user, servers.secrets.read(user, RABBITMQ))
    with httpx.Client(base_url=servers.rabbitmq_console_url, auth=own, timeout=20) as console:
        for path in ("/api/users", "/api/definitions", "/api/queues", "/api/overview", "/api/traces"):
            assert console.get(path).status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.parametrize(
    ("user", "password"), [("guest", "guest"), ("operator", "operator"), ("trainer", "")]
)
def test_a_guess_does_not_get_in(url: str, user: str, password: str) -> None:
    guessed = replace_account(url, Account(user, password), urlsplit(url).path)

    with pytest.raises(ServerAway), open_connection(guessed, "somebody"):
        pass


def test_whoever_is_not_the_operator_does_not_follow_events(servers: Servers, url: str) -> None:
    account = Account("gateway", servers.secrets.read("gateway", RABBITMQ))

    with pytest.raises(AMQPError, match=r"ACCESS_REFUSED|access to"):
        next(tail(replace_account(url, account, urlsplit(url).path)))


def test_no_service_is_an_administrator() -> None:
    assert {user for user, may in USERS.items() if may.tags} == {"operator"}
