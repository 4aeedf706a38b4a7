"""Real servers, some versions of a model of the real size, and gateways to promote them to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from math import log
from pathlib import Path
from typing import Self

import numpy as np
from viral_common.artefact.files import SPEC, Artefact, Calibration, read_artefact, write_manifest
from viral_common.database.engine import connect, migrate
from viral_common.delivery.service import Service
from viral_common.events import Precision
from viral_common.settings import CommonSettings
from viral_trainer.model.export import export

from tests.bench.tweets import untrained_model
from tests.eventually import eventually
from tests.integration.gateway.processes import GatewayProcess, Promoter
from tests.servers import Servers

# Enough that a cache, which keeps two, holds none of them when its turn comes again.
VERSIONS = 4
# Between the logits of two versions: every probability tells which of them it is of.
APART = 0.5


class GatewayServers(ExitStack):
    """Promotes as the evaluator does; starts gateways that share nothing but the servers."""

    def __init__(self, scratch: Path, servers: Servers) -> None:
        super().__init__()
        self._scratch = scratch
        self._settings = CommonSettings.model_validate(
            {
                "database_url": servers.database_url,
                "rabbitmq_url": servers.rabbitmq_url,
                "mlflow_url": servers.mlflow_url,
            }
        )

    def __enter__(self) -> Self:
        super().__enter__()
        engine = connect(self._settings, "bench")
        migrate(engine)
        engine.dispose()
        service = self.enter_context(Service("evaluator", self._settings))
        service.start()
        self._promoter = Promoter(service, self._settings, self._scratch)
        # The directory's own name is part of where MLflow keeps it.
        folders = [self._scratch / f"made-{number}" / "artefact" for number in range(VERSIONS)]
        first = export(untrained_model(), folders[0])
        others = [_moved(first, number * APART, folder) for number, folder in enumerate(folders[1:], 1)]
        self.made = [first, *others]
        self.registered = [self._promoter.register_made(artefact) for artefact in self.made]
        return self

    def promote(self, number: int, precision: Precision) -> int:
        """The `number`th version, from now on; returns its promotion_seq."""
        self.seq = self._promoter.promote(self.registered[number], precision=precision)
        return self.seq

    @contextmanager
    def gateway(self, name: str, **overrides: str) -> Iterator[GatewayProcess]:
        """A process with a folder of its own, the same whenever it is named the same."""
        settings = self._settings.model_copy(update={"data_dir": self._scratch / name})
        gateway = GatewayProcess(settings, self._scratch / f"{name}.log", **overrides)
        try:
            yield gateway
        finally:
            if gateway.process.poll() is None:
                gateway.stop()

    def wait_for(self, *gateways: GatewayProcess, every_s: float = 0.02) -> None:
        """Until every one of them is ready with the newest promotion, asked `every_s`."""
        for gateway in gateways:
            eventually(partial(self._has_newest, gateway), every_s=every_s)

    def _has_newest(self, gateway: GatewayProcess) -> bool:
        reply = gateway.ready()
        return reply.status_code == 200 and reply.json()["model"]["promotion_seq"] == self.seq


def _moved(artefact: Artefact, bias: float, directory: Path) -> Artefact:
    """The same weights, every logit moved by `bias`."""
    shutil.copytree(artefact.directory, directory)
    calibration = Calibration(bias=artefact.spec.calibration.bias + bias)
    sample = tuple(
        one.model_copy(
            update={
                "probability": _nudged(one.probability, bias),
                "int8_probability": None
                if one.int8_probability is None
                else _nudged(one.int8_probability, bias),
            }
        )
        for one in artefact.spec.sample
    )
    spec = artefact.spec.model_copy(update={"calibration": calibration, "sample": sample})
    (directory / SPEC).write_text(spec.model_dump_json(indent=2))
    return read_artefact(directory, write_manifest(directory))


def _nudged(probability: float, bias: float) -> float:
    logit = log(probability / (1 - probability)) + bias
    return float(Calibration().compute_probabilities(np.array([logit]))[0])
