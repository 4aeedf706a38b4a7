"""Try an artefact in a process of its own, bounded in time and memory, before this one loads it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from viral_common.artefact.files import GRAPHS, TOKENIZER, Artefact, read_artefact
from viral_common.artefact.predictor import Predictor
from viral_common.child import answer_parent, run_in_child
from viral_common.errors import ArtefactError, ChildFailed, summarise_error
from viral_common.events import Precision

# A sound one takes a second of processor and 300 MB, import included. On a busy host that second may be long in coming,
# and being busy is no fault of the artefact.
CPU_S = 60
TIMEOUT_S = 300
MEMORY_BYTES = 4 << 30
# All that the process needs of this one's environment, which may hold passwords.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")
# Steps of a tokenizer that change a text without making it longer than a fixed multiple. Two of them could, and are
# looked into.
TOKENIZER_STEPS = {
    "normalizer": {
        "Sequence",
        "BertNormalizer",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Precompiled",
        "Replace",
        "Strip",
        "StripAccents",
    },
    "pre_tokenizer": {
        "Sequence",
        "BertPreTokenizer",
        "ByteLevel",
        "Metaspace",
        "Whitespace",
        "WhitespaceSplit",
    },
    "post_processor": {"Sequence", "BertProcessing", "ByteLevel", "RobertaProcessing", "TemplateProcessing"},
    "model": {"WordPiece", "BPE", "Unigram"},
}
# How XLM-R's and DeBERTa's tokenizers make one space of several.
SPACES = (" {2,}", r"\s{2,}|[\n\r\t]")
# Bytes that SentencePiece may put in the place of a character; NFKC needs 33.
LONGEST_CHARACTER = 64


def load_tried(artefact: Artefact, precision: Precision = "fp32", threads: int | None = None) -> Predictor:
    """Load an artefact that came through its trial. Raises ArtefactError."""
    try_artefact(artefact, precision)
    return Predictor.load(artefact, precision, threads)


def try_artefact(artefact: Artefact, precision: Precision, timeout_s: float = TIMEOUT_S) -> None:
    """Check the graph and score the sample, in an empty directory. Raises ArtefactError with one line."""
    directory = artefact.directory.absolute()
    with TemporaryDirectory(prefix="viral-trial-") as empty:
        try:
            run_in_child(
                __name__,
                [str(directory), artefact.sha256, precision],
                "loading it",
                timeout_s=timeout_s,
                cwd=empty,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                stderr=subprocess.DEVNULL,
            )
        except TimeoutError as error:
            raise ArtefactError(f"{artefact.directory}: not loaded within {timeout_s:g} s") from error
        except ChildFailed as error:
            raise ArtefactError(f"{artefact.directory}: cannot be loaded ({error})") from error


def check_tokenizer(path: Path) -> None:
    """Raise ArtefactError for a tokenizer with a step of an unknown kind."""
    try:
        steps = json.loads(path.read_bytes())
        for place, known in TOKENIZER_STEPS.items():
            if strange := set(_list_kinds(steps.get(place))) - known:
                raise ArtefactError(
                    f"{path}: its {place} is of an unknown kind, {', '.join(sorted(strange))}"
                )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ArtefactError(f"{path}: not a tokenizer ({summarise_error(error)})") from error


def _list_kinds(step: dict[str, Any] | None) -> Iterator[str]:
    if step is not None:
        kind = str(step["type"]) if "type" in step else "WordPiece" if "vocab" in step else "none"
        yield f"{kind} that may lengthen texts" if _is_lengthening(kind, step) else kind
        for inner in ("normalizers", "pretokenizers", "processors"):
            for one in step.get(inner, ()):
                yield from _list_kinds(one)


def _is_lengthening(kind: str, step: dict[str, Any]) -> bool:
    """Say whether a step replaces something by more than its place is worth."""
    if kind == "Replace":
        return step.get("content") != " " or step.get("pattern") not in [
            {"Regex": spaces} for spaces in SPACES
        ]
    if kind != "Precompiled":
        return False
    # The size of an index, the index, and what it points to: texts that each end in a zero.
    characters = b64decode(step["precompiled_charsmap"], validate=True)
    texts = characters[4 + int.from_bytes(characters[:4], "little") :].split(b"\0")
    return max(map(len, texts)) > LONGEST_CHARACTER


def try_here(request: tuple[str, str, Precision]) -> None:
    """Try the artefact in this process, which may write no file."""
    directory, sha256, precision = request
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Elsewhere address space is given out too freely for a limit to mean something.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    from viral_common.artefact.graph_check import check_graph

    try:
        check_graph(Path(directory) / GRAPHS[precision])
        check_tokenizer(Path(directory) / TOKENIZER)
        Predictor.load(read_artefact(Path(directory), sha256, precision), precision, threads=1)
    except MemoryError as error:
        raise ArtefactError(f"{directory}: takes more than {MEMORY_BYTES >> 30} GiB to load") from error


if __name__ == "__main__":
    answer_parent(try_here)
