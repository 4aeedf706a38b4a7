"""Token ids that outlive a training: most tweets of a window were read the day before.

One file per split, in a folder named after the tokenizer. A text is known by a hash of what the tokenizer reads of it,
so a text that changed and another way of masking are noticed by themselves. A file holds the last window's texts and no
others; folders of other tokenizers are deleted. Everything here may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from tokenizers import Tokenizer
from viral_common.artefact.tokens import TokenRows, as_read, tokenised

log = structlog.get_logger()

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Known:
    """The texts of one split in the last training."""

    keys: Keys  # (texts,), ascending, each once
    rows: TokenRows


class TokenCache:
    """What `tokenizer` made of the texts of the last training."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        digest = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()[:16]
        self._folder = folder / digest
        self._folder.mkdir(parents=True, exist_ok=True)
        for other in folder.iterdir():
            if other.name != digest:
                shutil.rmtree(other, ignore_errors=True)

    def rows_of(self, name: str, texts: Sequence[str]) -> TokenRows:
        """The texts' rows, in their order; `name` keeps one split's texts apart from another's."""
        path = self._folder / f"{name}.npz"
        keys = np.fromiter(map(key_of, texts), np.uint64, len(texts))
        unique, first = np.unique(keys, return_index=True)
        known = _read(path)
        new = ~np.isin(unique, known.keys)
        fresh = tokenised(self._tokenizer, [texts[place] for place in first[new]])
        log.info("tokenised", split=name, texts=len(texts), new=len(fresh))
        # Where each unique text's row is: among the known ones, or behind them.
        places = np.searchsorted(known.keys, unique)
        places[new] = len(known.rows) + np.arange(len(fresh))
        now = Known(unique, TokenRows.joined([known.rows, fresh]).take(places))
        if len(fresh) or len(unique) != len(known.keys):
            _write(path, now)
        return now.rows.take(np.searchsorted(unique, keys))


def key_of(text: str) -> int:
    """64 bits that stand for all that the tokenizer sees of the text."""
    return int.from_bytes(hashlib.blake2b(as_read(text).encode(), digest_size=8).digest(), "little")


def _read(path: Path) -> Known:
    nothing = Known(np.empty(0, np.uint64), TokenRows.of([]))
    if not path.exists():
        return nothing
    try:
        # A zip file, whose members carry checksums; nothing in it is unpickled.
        with np.load(path, allow_pickle=False) as arrays:
            known = Known(arrays["keys"], TokenRows(arrays["ids"], arrays["offsets"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("token cache is damaged and made anew", path=str(path), reason=str(error))
        return nothing
    return known


def _write(path: Path, known: Known) -> None:
    """All or nothing; a full disk costs the next training some seconds and this one nothing."""
    unfinished = path.with_suffix(".part")
    try:
        with unfinished.open("wb") as file:
            np.savez(file, keys=known.keys, ids=known.rows.ids, offsets=known.rows.offsets)
        unfinished.replace(path)
    except OSError as error:
        log.warning("token cache not written", path=str(path), reason=str(error))
