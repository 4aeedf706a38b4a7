"""From texts to token ids, once for training, evaluation and serving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from viral_common.text import clean, masked

Tokens = NDArray[np.int64]


def read_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """A tokenizer.json that cuts after `max_tokens` (special tokens included) and does not pad."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


def tokenised(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tokens]:
    """One array of token ids per text, each of its own length; links and mentions masked."""
    encodings = tokenizer.encode_batch_fast([as_read(text) for text in texts])
    return [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]


def as_read(text: str) -> str:
    """The text as a tokenizer gets it; two texts that are read alike have the same tokens."""
    return masked(clean(text))


def padded(rows: Sequence[Tokens]) -> tuple[Tokens, Tokens]:
    """input_ids and attention_mask, each (rows, longest row); padding is token 0."""
    input_ids = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
    attention_mask = np.zeros_like(input_ids)
    for index, row in enumerate(rows):
        input_ids[index, : len(row)] = row
        attention_mask[index, : len(row)] = 1
    return input_ids, attention_mask


def chunks_by_length(rows: Sequence[Tokens], size: int) -> Iterator[NDArray[np.intp]]:
    """Indices of `rows`, shortest first, at most `size` at a time: little padding within a chunk."""
    return chunks_of_like(np.array([len(row) for row in rows]), size)


def chunks_of_like(lengths: NDArray[np.int64], size: int) -> Iterator[NDArray[np.intp]]:
    """The same for rows of which only the lengths are known, shape (rows,)."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]
