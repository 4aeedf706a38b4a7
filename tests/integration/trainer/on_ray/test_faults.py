"""What is wrong with a cluster is one line that says what, and the batch waits for it to be put right."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from viral_common.child import run_in_child
from viral_common.errors import ChildFailed, NotYet, ServerAway

from tests.eventually import eventually
from tests.factories import make_base_model
from tests.integration.trainer.on_ray.ray_nodes import RayNodes, ray_head
from tests.integration.trainer.test_registry import find_free_port

HERE = "127.0.0.2"  # Ray would take another address for 127.0.0.1
TOKEN = "a" * 64


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("base")
    make_base_model(folder / "base")
    return str(folder / "base")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """A head with room for two workers, which asks for a token."""
    with ray_head(
        tmp_path_factory.mktemp("ray"), HERE, 2, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN
    ) as nodes:
        yield nodes


def train(nodes: RayNodes, base: str, more: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    token = nodes.environment.get("RAY_AUTH_TOKEN")
    own = {"ray_address": f"{HERE}:{nodes.port}", "ray_token": token, "ray_timeout_s": 120} | settings
    environment = os.environ | {"HOME": str(nodes.folder)}
    request = {"settings": own, "base": base} | (more or {})
    module = "tests.integration.trainer.on_ray.driver"
    result: dict[str, Any] = run_in_child(module, request, "the training", env=environment)
    return result


def test_a_head_that_is_not_there_is_waited_for(base: str, tmp_path: Path) -> None:
    nowhere = RayNodes(HERE, find_free_port(), tmp_path, {}, "")

    with pytest.raises(ServerAway, match=rf"the head of the Ray cluster at {HERE}:\d+ does not answer"):
        train(nowhere, base)


@pytest.mark.long
@pytest.mark.timeout(600)
class TestACluster:
    def test_two_workers_that_show_the_token_train(self, nodes: RayNodes, base: str) -> None:
        result = train(nodes, base, ray_min_workers=2)

        assert result["place"] == f"Ray: {HERE}, {HERE}"
        assert len(result["kept"]) >= 3

    def test_another_token_is_refused(self, nodes: RayNodes, base: str) -> None:
        with pytest.raises(NotYet, match="is VIRAL_RAY_TOKEN its token"):
            train(nodes, base, ray_token="b" * 64)

    def test_another_release_of_ray_is_refused(self, nodes: RayNodes, base: str) -> None:
        with pytest.raises(NotYet, match=r"cannot be joined .*: Version mismatch.*Ray: 1\.2\.3"):
            train(nodes, base, {"version": "1.2.3"})

    def test_another_program_on_a_node_is_refused(self, nodes: RayNodes, base: str) -> None:
        with pytest.raises(NotYet, match=f"node {HERE} runs another version of viral-trainer"):
            train(nodes, base, {"program": "another"}, ray_max_failures=0)

    def test_a_cluster_that_is_too_small_says_how_small(self, nodes: RayNodes, base: str) -> None:
        with pytest.raises(
            NotYet, match="1 to 2 workers of 64 CPU, and the cluster's 1 nodes have room for 0"
        ):
            train(nodes, base, ray_worker_resources={"CPU": 64}, ray_timeout_s=20)

    def test_a_head_that_is_lost_is_waited_for(self, base: str, tmp_path: Path) -> None:
        marker = tmp_path / "kept"
        with ray_head(tmp_path, HERE, 1) as nodes:

            def kill() -> None:
                eventually(marker.exists, 300)
                nodes.kill_head()

            killing = threading.Thread(target=kill)
            killing.start()
            with pytest.raises(NotYet, match=r"the Ray cluster at \S+ (was lost|does not answer)"):
                train(nodes, base, {"marker": str(marker), "tweets": 6000}, train_batch_size=4)
            killing.join()

    def test_a_worker_without_memory_fails_in_words(self, base: str, tmp_path: Path) -> None:
        with (
            ray_head(tmp_path, HERE, 1, RAY_memory_usage_threshold="0.01") as nodes,
            pytest.raises((ChildFailed, NotYet), match="memory"),
        ):
            train(nodes, base, {"tweets": 6000}, train_batch_size=4, ray_max_failures=0)
