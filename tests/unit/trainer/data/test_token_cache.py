"""A text is tokenised once, whatever happens to the files that remember it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs
from tokenizers import Tokenizer
from viral_common.artefact.tokens import TokenRows, as_read, tokenised
from viral_trainer.data.token_cache import TokenCache

from tests.factories import make_letter_tokenizer

TEXTS = ["oil", "gas, and oil again", "", "look https://t.co/1 @someone", "oil"]


def as_lists(rows: TokenRows) -> list[list[int]]:
    return [row.tolist() for row in rows]


def ids_of(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """One text after the other, by the tokenizer itself."""
    return [tokenizer.encode(as_read(text)).ids for text in texts]


def new_texts(folder: Path, texts: list[str], tokenizer: Tokenizer | None = None) -> int:
    """How many of the texts had to be tokenised; checks that the answer is right."""
    tokenizer = tokenizer or make_letter_tokenizer()
    with capture_logs() as logs:
        rows = TokenCache(folder, tokenizer).rows_of("train", texts)
    assert as_lists(rows) == ids_of(tokenizer, texts)
    return next(int(line["new"]) for line in logs if line["event"] == "tokenised")


def test_rows_are_what_the_tokenizer_says() -> None:
    rows = tokenised(make_letter_tokenizer(), TEXTS)

    input_ids, attention_mask = rows.padded(np.array([3, 0]), multiple=8)

    assert as_lists(rows) == ids_of(make_letter_tokenizer(), TEXTS)
    assert as_lists(rows.take(np.array([4, 1]))) == [as_lists(rows)[4], as_lists(rows)[1]]
    assert input_ids.shape[1] % 8 == 0
    assert input_ids[0, attention_mask[0] == 1].tolist() == as_lists(rows)[3]
    assert not input_ids[attention_mask == 0].any()


def test_a_text_is_tokenised_once(tmp_path: Path) -> None:
    assert new_texts(tmp_path, TEXTS) == 4
    assert new_texts(tmp_path, TEXTS[::-1]) == 0
    assert new_texts(tmp_path, [*TEXTS, "a new one"]) == 1


def test_a_changed_text_is_noticed_and_another_link_is_no_change(tmp_path: Path) -> None:
    new_texts(tmp_path, TEXTS)

    assert new_texts(tmp_path, ["oil!", *TEXTS[1:]]) == 1
    assert new_texts(tmp_path, ["look https://t.co/2 @another"]) == 0


def test_what_left_the_window_is_forgotten(tmp_path: Path) -> None:
    new_texts(tmp_path, TEXTS)
    new_texts(tmp_path, ["oil"])

    assert new_texts(tmp_path, TEXTS) == 3


def test_another_tokenizer_starts_anew_and_alone(tmp_path: Path) -> None:
    new_texts(tmp_path, TEXTS)

    assert new_texts(tmp_path, TEXTS, make_letter_tokenizer(max_tokens=8)) == 4
    assert len(list(tmp_path.iterdir())) == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_file_is_made_anew_with_one_line(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    new_texts(tmp_path, TEXTS)
    (file,) = tmp_path.rglob("*.npz")
    damage(file)

    with capture_logs() as logs:
        TokenCache(tmp_path, make_letter_tokenizer()).rows_of("train", TEXTS)

    assert [line["log_level"] for line in logs] == ["warning", "info"]
    assert new_texts(tmp_path, TEXTS) == 0


def test_no_text_at_all_is_fine(tmp_path: Path) -> None:
    assert new_texts(tmp_path, []) == 0
