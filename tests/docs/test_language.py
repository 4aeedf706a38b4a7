"""Names and docstrings keep the house's language."""

from __future__ import annotations

import pytest

from tests.docs.language import find_all

FINDINGS = find_all()


@pytest.mark.parametrize("kind", FINDINGS)
def test_nothing_breaks_it(kind: str) -> None:
    assert FINDINGS[kind] == []
