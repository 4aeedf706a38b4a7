"""Where a training runs is a setting, checked before the first batch."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from viral_common.errors import UsageError
from viral_trainer import job
from viral_trainer.settings import OfflineSettings


@pytest.mark.parametrize("address", ["", "auto", "10.0.0.6:6379", "ray://head:10001", "[fd00::6]:6379"])
def test_an_address_is_a_heads_or_a_clients_or_this_machines(address: str) -> None:
    assert OfflineSettings(ray_address=address).ray_address == address


@pytest.mark.parametrize("address", ["head", "http://head:8265", "ray://head", "local", "head:port"])
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match=r"must be auto, host:port or ray://host:port|Port"):
        OfflineSettings(ray_address=address)


def test_no_more_workers_are_needed_than_are_wanted() -> None:
    with pytest.raises(ValidationError, match="more than VIRAL_RAY_WORKERS"):
        OfflineSettings(ray_workers=2, ray_min_workers=3)


def test_without_ray_the_trainer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "find_spec", lambda _name: None)

    with pytest.raises(UsageError, match=r"install viral-tweets\[ray\], or locks/ray.txt"):
        job.find_base(OfflineSettings(ray_address="auto"), {})


def test_without_an_address_there_is_no_cluster() -> None:
    assert job.join_cluster(OfflineSettings()) is None
