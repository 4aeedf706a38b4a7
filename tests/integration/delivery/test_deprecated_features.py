"""RabbitMQ 4 names the features that it is going to drop, and which of them are in use: none by us."""

from __future__ import annotations

import httpx
import pytest
from viral_common.delivery.service import Service
from viral_common.events import BatchCollected, ModelPromoted
from viral_common.settings import CommonSettings

from tests.conftest import console
from tests.eventually import eventually
from tests.servers import Servers


def test_no_deprecated_feature_is_used(servers: Servers, settings: CommonSettings) -> None:
    with (
        Service("trainer", settings) as trainer,
        Service("gateway", settings) as gateway,
        console(servers) as api,
    ):
        trainer.handle(BatchCollected, lambda _: [])
        gateway.subscribe(ModelPromoted, lambda _: None, lambda: None)
        trainer.start()
        gateway.start()
        eventually(lambda: not trainer.find_missing() and not gateway.find_missing())

        known = api.get("/api/deprecated-features")
        if known.status_code == httpx.codes.NOT_FOUND:
            pytest.skip("this RabbitMQ names none: VIRAL_TEST_RABBITMQ=4 chooses one that does")
        used = api.get("/api/deprecated-features/used").raise_for_status().json()

    assert {feature["name"] for feature in known.json()} >= {"transient_nonexcl_queues", "global_qos"}
    assert used == []
