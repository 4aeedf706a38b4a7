"""Keep where a training stands in a file that a kill leaves whole, and that runs nothing when it is read."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import torch
import viral_common
from safetensors.torch import load, save
from torch import Tensor

import viral_trainer
from viral_trainer.data.window import Window
from viral_trainer.model.base_model import BaseModel

log = structlog.get_logger()

State = dict[str, Any]  # what JSON knows, and tensors; no text of a tweet
_DIGEST_BYTES = hashlib.sha256().digest_size


def write_checkpoint(path: Path, key: str, state: State) -> None:
    """Put it in the place of the one before. One torn by a power cut is found out by its digest."""
    tensors: dict[str, Tensor] = {}

    def take_out(tensor: Tensor) -> dict[str, str]:
        name = str(len(tensors))
        tensors[name] = tensor
        return {"tensor": name}

    facts = bytearray(json.dumps([key, state], default=take_out).encode())
    body = save({**tensors, "facts": torch.frombuffer(facts, dtype=torch.uint8)})
    beside = path.with_suffix(".new")
    beside.write_bytes(hashlib.sha256(body).digest() + body)
    beside.replace(path)


def read_checkpoint(path: Path, key: str) -> State | None:
    """Read the checkpoint, if there is one, and it is whole and of this very training."""
    if not path.exists():
        return None
    kept = path.read_bytes()
    digest, body = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() == digest:
        tensors = load(body)
        found_key, state = json.loads(
            tensors["facts"].numpy().tobytes(),
            object_hook=lambda part: tensors[part["tensor"]] if "tensor" in part else part,
        )
        if found_key == key:
            return dict(state)
    log.warning("a checkpoint is dropped: damaged, or tweets, settings or program are others", path=str(path))
    return None


def compute_key(window: Window, base: BaseModel, params: dict[str, object]) -> str:
    """Digest all that decides what a training learns: tweets, base model, settings, program."""
    digest = hashlib.sha256(digest_program())
    for fact in (params, [batch.id for batch in window.batches], *window.train, *window.validation):
        digest.update(repr(fact).encode())
    for path in sorted(path for path in base.directory.iterdir() if path.is_file()):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def digest_program() -> bytes:
    """Digest the code that a training runs."""
    folders = (Path(str(package.__file__)).parent for package in (viral_common, viral_trainer))
    sources = [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(b"".join([version("torch").encode(), *sources])).digest()
