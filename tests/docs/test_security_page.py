"""The page of who can do what: every refusal that it claims is tried by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
MATRIX = PAGE[PAGE.index("| who |") : PAGE.index("\n1. ")]
ROWS = [line for line in MATRIX.splitlines()[2:] if line]
TRIED = dict(re.findall(r"^- \[(\w)\] (.+)$", PAGE, re.MULTILINE))


def test_every_cell_says_no_with_a_proof_or_yes_with_a_reason() -> None:
    reasons = set(re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE))
    assert len(ROWS) > 10
    for row in ROWS:
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        assert len(cells) == 12, row
        for cell in cells:
            no, yes = re.fullmatch(r"no \[(\w)\]", cell), re.fullmatch(r"\*yes\* (\d+)", cell)
            assert (no and no[1] in TRIED) or (yes and yes[1] in reasons), f"{cell!r} in {row}"


@pytest.mark.parametrize("mark", TRIED)
def test_every_proof_is_a_test(mark: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TRIED[mark])

    assert named
    for file, function in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {function}\(" if function else r"^def test_", source, re.MULTILINE), (
            file,
            function,
        )
