"""One gateway with a model and its batch's whole trail, for all tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from viral_common.database.tables import Batch
from viral_common.delivery.service import Service
from viral_common.settings import CommonSettings

from tests.conftest import own_database, own_vhost
from tests.integration.gateway.processes import GatewayProcess, Promoter, soon
from tests.servers import Servers
from tests.unit.gateway.fakes import make_training, make_verdict

BODY_TIMEOUT_S = 2


@pytest.fixture(scope="package")
def gateway(
    servers: Servers, _migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """Ready, with one version promoted; nobody may change what it serves."""
    folder = tmp_path_factory.mktemp("gateway")
    with own_database(servers, _migrated_template) as database, own_vhost(servers) as vhost:
        settings = CommonSettings.model_validate(
            {
                "database_url": database,
                "rabbitmq_url": vhost,
                "mlflow_url": servers.mlflow_url,
                "data_dir": folder,
            }
        )
        _promote(settings, folder)
        process = GatewayProcess(settings, folder / "log", VIRAL_BODY_TIMEOUT_S=str(BODY_TIMEOUT_S))
        try:
            soon(lambda: process.ready().status_code == 200)
            yield process
        finally:
            process.stop()


def _promote(settings: CommonSettings, folder: Path) -> None:
    with Service("evaluator", settings) as service:
        promoter = Promoter(service, settings, folder / "made")
        registered, _ = promoter.register(bias=0.5)
        training, verdict = make_training(registered.model_version), make_verdict(registered.model_version)
        training.batch_id = verdict.batch_id = promoter.batch_id
        with service.sessions.begin() as session:
            batch = session.get_one(Batch, promoter.batch_id)
            batch.collected_at = batch.window_to + timedelta(minutes=2)
            batch.tweet_count = batch.train_count = batch.validation_count = batch.test_count = 10
            session.add_all([training, verdict])
            verdict_id = verdict.id
        promoter.promote(registered, verdict_id=verdict_id)


@pytest.fixture
def promoter(settings: CommonSettings, tmp_path: Path) -> Iterator[Promoter]:
    """Registers and promotes versions, as an evaluator does."""
    with Service("evaluator", settings) as service:
        service.start()
        yield Promoter(service, settings, tmp_path / "made")
