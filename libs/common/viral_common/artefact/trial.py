"""Try an artefact in a process of its own, bounded in time and memory, before this one loads it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from viral_common.artefact.files import GRAPHS, TOKENIZER, Artefact, read_artefact
from viral_common.artefact.predictor import Predictor, check_features
from viral_common.errors import ArtefactError, summarise_error
from viral_common.events import Precision

# A sound one takes a second of processor and 300 MB, import included. On a busy host that second may be long in coming,
# and being busy is no fault of the artefact.
CPU_S = 60
TIMEOUT_S = 300
MEMORY_BYTES = 4 << 30
# All that the process needs of this one's environment, which may hold passwords.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")
# Steps of a tokenizer that change a text without making it longer than a fixed multiple. `Replace`, say, can.
TOKENIZER_STEPS = {
    "normalizer": {
        "Sequence",
        "BertNormalizer",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
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


def load_tried(artefact: Artefact, precision: Precision = "fp32", threads: int | None = None) -> Predictor:
    """Load an artefact that came through its trial. Raises ArtefactError."""
    check_features(artefact.directory, artefact.spec)  # the trial's process has but a line to say why
    try_artefact(artefact, precision)
    return Predictor.load(artefact, precision, threads)


def try_artefact(artefact: Artefact, precision: Precision, timeout_s: float = TIMEOUT_S) -> None:
    """Check the graph and score the sample, in an empty directory. Raises ArtefactError with one line."""
    command = [sys.executable, "-m", __name__]
    arguments = [str(artefact.directory.absolute()), artefact.sha256, precision]
    with TemporaryDirectory(prefix="viral-trial-") as empty:
        try:
            done = subprocess.run(
                [*command, *arguments],
                cwd=empty,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ArtefactError(f"{artefact.directory}: not loaded within {timeout_s:g} s") from error
    if done.returncode:
        lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
        why = lines[-1][:500] if lines else f"loading it ended with status {done.returncode}"
        raise ArtefactError(
            why if done.returncode == 1 else f"{artefact.directory}: cannot be loaded ({why})"
        )


def check_tokenizer(path: Path) -> None:
    """Raise ArtefactError for a tokenizer with a step of an unknown kind."""
    try:
        steps = json.loads(path.read_bytes())
        for place, known in TOKENIZER_STEPS.items():
            if strange := set(_list_kinds(steps.get(place))) - known:
                raise ArtefactError(
                    f"{path}: its {place} is of an unknown kind, {', '.join(sorted(strange))}"
                )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ArtefactError(f"{path}: not a tokenizer ({summarise_error(error)})") from error


def _list_kinds(step: dict[str, Any] | None) -> Iterator[str]:
    if step is not None:
        yield str(step["type"]) if "type" in step else "WordPiece" if "vocab" in step else "none"
        for inner in ("normalizers", "pretokenizers", "processors"):
            for one in step.get(inner, ()):
                yield from _list_kinds(one)


def main(directory: str, sha256: str, precision: Precision) -> None:
    """Try the artefact in this process, which may write no file; print why it is refused and exit with 1."""
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
    except ArtefactError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)
    except MemoryError:
        sys.stdout.write(f"{directory}: takes more than {MEMORY_BYTES >> 30} GiB to load\n")
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
