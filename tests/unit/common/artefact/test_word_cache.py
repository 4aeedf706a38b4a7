"""Tokens by remembered words are the tokenizer's own, whatever the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from viral_common.artefact.word_cache import LONGEST_WORD, build_reader

from tests.factories import make_letter_tokenizer

TOKENIZER = make_letter_tokenizer(max_tokens=24)

# What a word's neighbours could change: case, accents, signs, scripts without spaces, things nobody sees.
PIECES = [
    "oil",
    "Σ",
    "ς",
    "é",
    "e\u0301",
    "\u0301",
    "İ",
    "ß",
    "油",
    "ﷺ",
    "-",
    "_",
    "‘",
    "≠",
    "=\u0338",
    "😀",
    "👩‍💻",
]
SIGNS = ["[SEP]", "[sep]", "[", " ", "  ", "\u00a0", "\u200b", "\u2028", "\n", "\x00", "\x1c", "\ufffd"]


def ids_of(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.lists(st.sampled_from(PIECES + SIGNS), max_size=12).map("".join),
    )
)
def test_any_text_reads_alike(text: str) -> None:
    assert build_reader(TOKENIZER)([text]) == ids_of(TOKENIZER, [text])


@pytest.mark.parametrize("length", [0, 1, LONGEST_WORD, LONGEST_WORD + 1, 101, 10_000])
def test_words_of_any_length_read_alike(length: int) -> None:
    texts = ["a" * length, "x " + "é" * length, "b " * length]

    assert build_reader(TOKENIZER)(texts) == ids_of(TOKENIZER, texts)


def test_a_tokenizer_that_does_not_read_words_alone_is_asked_itself() -> None:
    of_pairs = Tokenizer(BPE({"a": 0, " ": 1, "b": 2, "a b": 3, " b": 4}, [(" ", "b"), ("a", " b")]))
    padding = make_letter_tokenizer(max_tokens=24)
    padding.enable_padding(length=24)
    greedy = make_letter_tokenizer(max_tokens=24)
    greedy.add_tokens([AddedToken("a b", normalized=True)])

    for tokenizer in (of_pairs, padding, greedy):
        assert build_reader(tokenizer)(["a b"]) == ids_of(tokenizer, ["a b"])
