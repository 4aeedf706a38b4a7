"""Turn texts into token ids, once for training, evaluation and serving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from viral_common.artefact.word_cache import build_reader
from viral_common.errors import ArtefactError, summarise_error
from viral_common.tweets.text import clean, mask_text

# Texts read at once: lists of ids are larger than arrays, and what a tokenizer says beside them is far larger.
TEXTS_AT_ONCE = 4096

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class TokenRows:
    """Hold the token ids of many texts in one flat array: row i is `ids[offsets[i] : offsets[i + 1]]`.

    A list of small arrays would take several times the memory.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]  # (rows + 1,)

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]]) -> TokenRows:
        """Stack rows, each of its own length."""
        offsets = _compute_offsets(np.fromiter(map(len, rows), np.int64, len(rows)))
        return cls(np.fromiter(chain.from_iterable(rows), np.int32, int(offsets[-1])), offsets)

    @classmethod
    def join(cls, parts: Sequence[TokenRows]) -> TokenRows:
        """Join the rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        lengths = [np.empty(0, np.int64), *(part.lengths for part in parts)]
        ids = [np.empty(0, np.int32), *(part.ids for part in parts)]
        return cls(np.concatenate(ids), _compute_offsets(np.concatenate(lengths)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return (self.ids[start:end] for start, end in zip(self.offsets, self.offsets[1:], strict=False))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row, (rows,)."""
        return np.diff(self.offsets)

    def count_tokens(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Count the tokens of these rows, in their order."""
        return self.offsets[1:][rows] - self.offsets[rows]

    def take(self, rows: NDArray[np.intp]) -> TokenRows:
        """Take these rows in this order."""
        starts, ends = self.offsets[rows], self.offsets[1:][rows]
        ids = [self.ids[start:end] for start, end in zip(starts, ends, strict=True)]
        return TokenRows(
            np.concatenate([np.empty(0, np.int32), *ids]), _compute_offsets(self.count_tokens(rows))
        )

    def pad_rows(self, rows: NDArray[np.intp], multiple: int = 1) -> tuple[Tokens, Tokens]:
        """Pad input_ids and attention_mask, each (rows, tokens): the longest row's, rounded up to a `multiple`."""
        if len(rows) == multiple == 1:  # nothing to pad: a quarter of the time
            start, end = self.offsets[rows[0] : rows[0] + 2]
            input_ids = self.ids[start:end].astype(np.int64)[np.newaxis]
            return input_ids, np.ones_like(input_ids)
        starts = self.offsets[rows][:, None]
        lengths = self.count_tokens(rows)[:, None]
        width = -(-int(lengths.max()) // multiple) * multiple
        places = np.arange(width)
        inside = places < lengths  # (rows, width)
        input_ids = np.zeros(inside.shape, dtype=np.int64)  # padding is token 0
        input_ids[inside] = self.ids[(starts + places)[inside]]
        return input_ids, inside.astype(np.int64)


def read_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """Read a tokenizer.json that cuts after `max_tokens` (special tokens included) and does not pad."""
    return parse_tokenizer(path.read_bytes(), max_tokens)


def parse_tokenizer(content: bytes, max_tokens: int) -> Tokenizer:
    """Parse one as `read_tokenizer` does, from the file's content."""
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


def mask_for_tokenizer(text: str) -> str:
    """Mask the text as a tokenizer gets it, links and mentions masked: two that are read alike have the same tokens."""
    return mask_text(clean(text))


def tokenise(tokenizer: Tokenizer, texts: Sequence[str]) -> TokenRows:
    """Make a row of token ids per text, each of its own length. Raises ArtefactError for a tokenizer that breaks."""
    parts = []
    try:
        read = build_reader(tokenizer)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            masked = [mask_for_tokenizer(text) for text in texts[start : start + TEXTS_AT_ONCE]]
            parts.append(TokenRows.from_rows(read(masked)))
    except BaseException as error:
        # Rust's panic is no Exception, and would end the thread that scores.
        if type(error).__name__ == "PanicException":
            raise ArtefactError(f"its tokenizer breaks ({summarise_error(error)})") from error
        raise
    return TokenRows.join(parts)


def choose_chunks_by_length(lengths: NDArray[np.int64], size: int) -> Iterator[NDArray[np.intp]]:
    """Choose rows of these lengths, shortest first, at most `size` at a time: little padding within a chunk."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _compute_offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
