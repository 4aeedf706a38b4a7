"""Keeping up with promotions whatever is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from viral_common.delivery.stop_signal import StopSignal
from viral_common.errors import RegistryUnavailable, ServerAway
from viral_common.events import ModelPromoted
from viral_common.stores.champion import Champion
from viral_gateway.serving import reconciler as reconciler_module
from viral_gateway.serving.reconciler import Reconciler

from tests.eventually import eventually
from tests.unit.gateway.fakes import BATCH_ID, FakeRecords, make_champion


class FakeSwapper:
    """Record what it is offered."""

    def __init__(self) -> None:
        self.offers: list[int] = []
        self.mlflow_away = False

    def offer(self, model: Champion) -> None:
        if self.mlflow_away:
            raise RegistryUnavailable("MLflow does not answer")
        self.offers.append(model.promotion_seq)

    def set_obstacle(self, obstacle: str | None) -> None:
        pass


def make_event(seq: int) -> ModelPromoted:
    return ModelPromoted(
        id=uuid4(),
        batch_id=BATCH_ID,
        promotion_seq=seq,
        model_version=seq,
        previous_version=None,
        mlflow_run_id="r",
        artifact_uri="models:/1",
        artifact_sha256="a" * 64,
        verdict_id=None,
        reason="first",
        metrics={},
    )


@pytest.fixture
def swapper() -> FakeSwapper:
    return FakeSwapper()


@pytest.fixture
def records() -> FakeRecords:
    return FakeRecords()


@pytest.fixture
def reconciler(swapper: FakeSwapper, records: FakeRecords) -> Reconciler:
    return Reconciler(swapper, records.read_champion, every_s=60)  # type: ignore[arg-type]


@contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=run, args=(stopping,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(2)
    assert not thread.is_alive()


def test_postgres_decides_whatever_an_event_says(
    reconciler: Reconciler, swapper: FakeSwapper, records: FakeRecords
) -> None:
    records.newest = make_champion(5)
    reconciler.on_promoted(make_event(1000))

    reconciler.reconcile()

    assert swapper.offers == [5]


def test_without_postgres_nothing_is_swapped(
    reconciler: Reconciler, swapper: FakeSwapper, records: FakeRecords
) -> None:
    records.away = True
    reconciler.on_promoted(make_event(5))

    with pytest.raises(ServerAway):
        reconciler.reconcile()

    assert swapper.offers == []


def test_nothing_promoted_is_nothing_to_do(reconciler: Reconciler, swapper: FakeSwapper) -> None:
    reconciler.reconcile()

    assert swapper.offers == []


def test_it_reads_at_start_and_when_the_queue_is_bound_and_on_events(
    reconciler: Reconciler, swapper: FakeSwapper, records: FakeRecords
) -> None:
    records.newest = make_champion(1)
    with running(reconciler.run):
        eventually(lambda: swapper.offers == [1])

        records.newest = make_champion(2)
        reconciler.wake()
        eventually(lambda: swapper.offers[-1] == 2)

        records.newest = make_champion(3)
        reconciler.on_promoted(make_event(3))
        eventually(lambda: swapper.offers[-1] == 3)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Between what each was drawn; it is always the longest."""
    drawn: list[tuple[float, float]] = []

    def longest(least: float, most: float) -> float:
        drawn.append((least, most))
        return most

    monkeypatch.setattr("random.uniform", longest)
    return drawn


@contextmanager
def running_reconciler(swapper: FakeSwapper, records: FakeRecords, spread_s: float) -> Iterator[Reconciler]:
    """Running, with the champion offered."""
    records.newest = make_champion(1)
    reconciler = Reconciler(swapper, records.read_champion, every_s=60, spread_s=spread_s)  # type: ignore[arg-type]
    with running(reconciler.run):
        eventually(lambda: swapper.offers == [1])
        yield reconciler


def test_gateways_swap_at_different_moments_after_an_event(
    swapper: FakeSwapper, records: FakeRecords, pauses: list[tuple[float, float]]
) -> None:
    with running_reconciler(swapper, records, spread_s=0.01) as reconciler:
        records.newest = make_champion(2)
        reconciler.wake()
        eventually(lambda: swapper.offers[-1] == 2)
        assert pauses == []

        records.newest = make_champion(3)
        reconciler.on_promoted(make_event(3))
        eventually(lambda: swapper.offers[-1] == 3)

    assert pauses == [(0, 0.01)]


def test_a_gateway_that_waits_for_its_moment_can_be_stopped(
    swapper: FakeSwapper, records: FakeRecords, pauses: list[tuple[float, float]]
) -> None:
    with running_reconciler(swapper, records, spread_s=600) as reconciler:
        reconciler.on_promoted(make_event(2))
        eventually(lambda: pauses == [(0, 600)])

    assert swapper.offers == [1]


def test_it_reads_again_by_the_clock(swapper: FakeSwapper, records: FakeRecords) -> None:
    records.newest = make_champion(1)

    with running(Reconciler(swapper, records.read_champion, every_s=0.05).run):  # type: ignore[arg-type]
        eventually(lambda: len(swapper.offers) > 2)


@pytest.mark.parametrize("server", ["postgres", "mlflow", "bug"])
def test_it_tries_again_until_a_server_is_back(
    swapper: FakeSwapper, records: FakeRecords, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setattr(reconciler_module, "RETRY_S", 0.05)
    records.newest = make_champion(1)
    records.away = server == "postgres"
    swapper.mlflow_away = server == "mlflow"
    broken = iter([None] if server == "bug" else [])

    def champion() -> Champion | None:
        if next(broken, 0) is None:
            raise RuntimeError("a bug")
        return records.read_champion()

    with running(Reconciler(swapper, champion, every_s=60).run):  # type: ignore[arg-type]
        threading.Event().wait(0.1)
        records.away = swapper.mlflow_away = False
        eventually(lambda: swapper.offers == [1])


def test_one_that_hangs_is_named_and_one_that_moves_is_not(swapper: FakeSwapper) -> None:
    stopping = StopSignal("reconciler", longest_turn_s=1)
    release = threading.Event()

    def hang() -> None:
        release.wait()

    reconciler = Reconciler(swapper, hang, every_s=0.05)  # type: ignore[arg-type]
    thread = threading.Thread(target=reconciler.run, args=(stopping,))
    thread.start()
    eventually(lambda: stopping.find_stall() == "the reconciler has not moved for 1 s")
    release.set()
    eventually(lambda: stopping.find_stall() is None)
    stopping.set()
    thread.join(5)
