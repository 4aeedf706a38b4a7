"""Settings of a stack that is never started."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _plain_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests name servers on other machines without a thought of encryption; none is asked."""
    monkeypatch.setenv("VIRAL_ALLOW_PLAIN", "true")
