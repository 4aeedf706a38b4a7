"""How many cores a process counts on."""

from __future__ import annotations

import os

import pytest
from viral_common.cores import count_usable_cores


def test_only_the_cores_that_are_allowed_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6}, raising=False)

    assert count_usable_cores() == 3


def test_a_system_without_such_a_rule_has_all_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)

    assert count_usable_cores() == 8
