"""A caller may ask so often and no more; others are not held up by it."""

from __future__ import annotations

import sys

import pytest
from starlette.testclient import TestClient
from viral_gateway.app import create_app
from viral_gateway.middleware import buckets as buckets_module
from viral_gateway.middleware.buckets import Buckets

from tests.unit.gateway.fakes import FakeGateway

ONE, TWO = "one-key-of-twenty-letters", "two-keys-of-twenty-letters"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> int:
        return round(self.now_s * 1e9)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 10_000])
def test_a_minutes_worth_at_once_and_then_one_at_a_time(per_minute: int) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, clock)

    taken = [buckets.take("ada") for _ in range(per_minute)]
    refused = buckets.take("ada")

    assert all(one.allowed for one in taken)
    assert [one.left for one in taken] == list(range(per_minute))[::-1]
    assert not refused.allowed
    assert refused.wait_s == pytest.approx(60 / per_minute, abs=1e-6)
    clock.now_s += refused.wait_s
    assert buckets.take("ada").allowed
    assert not buckets.take("ada").allowed
    clock.now_s += 3_600
    assert sum(buckets.take("ada").allowed for _ in range(per_minute * 2)) == per_minute


def test_another_caller_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(1, Clock())

    assert buckets.take("ada").allowed
    assert not buckets.take("ada").allowed
    assert buckets.take("bob").allowed


def test_a_million_callers_take_no_more_room_than_twenty_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets_module, "MAX_CALLERS", 100)
    buckets = Buckets(1, Clock())

    for caller in range(1_000):
        buckets.take(caller)

    assert len(buckets._full_at) == 100
    assert sys.getsizeof(buckets._full_at) < 100_000


def limited(
    fake_gateway: FakeGateway, per_minute: int = 2, address: str = "192.0.2.1", **settings: object
) -> TestClient:
    fake_gateway.settings.update(rate_limit=per_minute, **settings)
    return TestClient(create_app(fake_gateway.build()), client=(address, 5))


def test_the_reply_tells_what_is_left_and_then_when_to_come_back(fake_gateway: FakeGateway) -> None:
    client = limited(fake_gateway)

    replies = [client.get("/") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert {reply.headers["ratelimit-policy"] for reply in replies} == {'"default";q=2;w=60'}
    assert [reply.headers["ratelimit"] for reply in replies] == [
        '"default";r=1;t=0',
        '"default";r=0;t=30',
        '"default";r=0;t=30',
    ]
    assert replies[2].headers["retry-after"] == "30"
    assert replies[2].headers["content-type"] == "application/problem+json"


def test_probes_metrics_and_static_files_do_not_count(fake_gateway: FakeGateway) -> None:
    client = limited(fake_gateway)

    for _ in range(5):
        for path in ("/health/live", "/metrics", "/static/style.css"):
            assert client.get(path).status_code == 200
    assert client.get("/").status_code == 200


def test_each_key_counts_for_itself_whatever_the_address(fake_gateway: FakeGateway) -> None:
    client = limited(fake_gateway, per_minute=1, api_keys=f"{ONE},{TWO}")

    codes = [client.get("/", headers={"X-API-Key": key}).status_code for key in (ONE, TWO, ONE)]

    assert codes == [200, 200, 429]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not:an:address", "not:an:address", True),
    ],
)
def test_a_network_of_ipv6_is_one_caller(
    fake_gateway: FakeGateway, first: str, second: str, same: bool
) -> None:
    fake_gateway.settings["rate_limit"] = 1
    app = create_app(fake_gateway.build())

    codes = [TestClient(app, client=(address, 5)).get("/").status_code for address in (first, second)]

    assert codes == [200, 429 if same else 200]
