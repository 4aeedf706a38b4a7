"""Find what brings a fault about."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.faults import broker, clocks, disks, limits, network, processes
from tests.chaos.faults.processes import Heal
from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import Fault

INJECTORS: dict[str, Callable[[Pipeline, Fault], Heal]] = {
    "kill": processes.kill,
    "kill two": processes.kill,
    "restart": processes.restart,
    "stop": processes.stop,
    "drop": network.drop,
    "reject": network.reject,
    "half-open": network.leave_half_open,
    "loss": network.lose,
    "delay": network.delay,
    "partition": network.part,
    "disk full": disks.fill_disk,
    "slow disk": disks.slow_disk,
    "memory": limits.limit_memory,
    "clock": clocks.step_clock,
    "broker memory": broker.alarm,
    "descriptors": limits.limit_descriptors,
}


def inject(pipeline: Pipeline, fault: Fault) -> Heal:
    """Bring it about; what it returns takes it back. Raises NothingThere if there is nothing to hit right now."""
    return INJECTORS[fault.kind](pipeline, fault)
