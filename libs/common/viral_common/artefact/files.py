"""Read and write the model artefact: a flat directory, byte for byte the same where it is scored and served.

`manifest.json` lists every other file with its size and sha256; the manifest's own digest names the whole. Beside it
`manifest.sig` says who made it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, ValidationError, model_validator

from viral_common.artefact.likes import DraftsSpec, LikesSpec
from viral_common.artefact.training_summary import Part, TrainingSummary
from viral_common.errors import ArtefactError
from viral_common.events import Precision, Sha256, Share
from viral_common.tweets.features import TweetInput

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
MODEL, TOKENIZER, SPEC = "model.onnx", "tokenizer.json", "viral.json"
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
FILES = frozenset({MODEL, TOKENIZER, SPEC, WEIGHTS, CONFIG, CARD})
# The graph of each precision. Only fp32 must be there.
GRAPHS: Final[dict[Precision, str]] = {"fp32": MODEL, "int8": "model.int8.onnx"}
# What answers in a precision, an eighth of the bytes in int8; the rest is for people, and to train on from.
SERVING: Final[dict[Precision, frozenset[str]]] = {
    precision: frozenset({SPEC, TOKENIZER, graph}) for precision, graph in GRAPHS.items()
}

# The graph's: a logit, and the expected log(1 + likes).
OUTPUTS = ("logit", "log_likes")
# A probability from here on is called viral: the likelier class. Where viral tweets are rare an artefact says another.
DECISION_THRESHOLD = 0.5
# A count beyond this many deviations says no more than this many; keeps absurd counts from drowning the text.
CLIP = 8.0
# Formats that cannot run code when read. Everything else (pickle, .pt, .bin, .npy, .so, …) is refused.
_SAFE_SUFFIXES = frozenset({".onnx", ".json", ".safetensors", ".md"})
# What is parsed here is short; no other file is near this long either.
_SIZE_LIMITS = {MANIFEST: 1 << 20, SIGNATURE: 4 << 10, SPEC: 16 << 20, TOKENIZER: 64 << 20}
_OTHER_SIZE_LIMIT = 2 << 30

PositiveFloat = Annotated[float, Field(gt=0)]
AnyPart = TypeVar("AnyPart", bound=Part)


class FeatureScaling(Part):
    """Name the columns beside the text, in order, and what makes them standard."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[PositiveFloat, ...]

    @model_validator(mode="after")
    def _check_lengths(self) -> FeatureScaling:
        if not len(self.names) == len(self.mean) == len(self.scale):
            raise ValueError("names, mean and scale must be equally long")
        return self

    def scale_matrix(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale features as the network reads them: standardised, clipped, unknown ones 0; float32, same shape."""
        mean, scale = self._standard
        standard = ((matrix - mean) / scale).clip(-CLIP, CLIP)  # float64
        standard[np.isnan(standard)] = 0.0
        return standard.astype(np.float32)

    @cached_property
    def _standard(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array(self.mean), np.array(self.scale)


class Calibration(Part):
    """Turn logits into probabilities: sigmoid(logit / temperature + bias)."""

    temperature: PositiveFloat = 1.0
    bias: float = 0.0

    def compute_probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Compute calibrated probabilities, float64 of the same shape; a logit that is no number stays none."""
        scaled = logits.astype(np.float64) / self.temperature + self.bias
        return 1.0 / (1.0 + np.exp(-np.clip(scaled, -500, 500)))


class Sample(Part):
    """Hold a tweet whose probability is known; a loaded model must answer the same."""

    tweet: TweetInput
    probability: Share
    int8_probability: Share | None = None


class ArtefactSpec(Part):
    """Describe viral.json: all that is needed to score a tweet beside the ONNX file and the tokenizer."""

    format_version: Literal[1] = 1
    inputs: tuple[str, ...] = ("input_ids", "attention_mask", "features")
    outputs: tuple[str, ...] = OUTPUTS
    max_tokens: Annotated[int, Field(ge=2, le=512)]
    features: FeatureScaling
    calibration: Calibration
    likes_threshold: NonNegativeInt
    decision_threshold: Share = DECISION_THRESHOLD
    likes: LikesSpec | None = None
    drafts: DraftsSpec | None = None
    """None: too few authors with tweets to compare."""
    base_model: str
    base_model_source: str
    training: TrainingSummary
    sample: Annotated[tuple[Sample, ...], Field(min_length=1)]


class FileEntry(Part):
    """Describe one file as it must be."""

    sha256: Sha256
    size: NonNegativeInt


class Manifest(Part):
    """Describe manifest.json: every file of the artefact but itself."""

    format_version: Literal[1] = 1
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class Artefact:
    """Hold a directory of which every byte that is there was checked."""

    directory: Path
    spec: ArtefactSpec
    sha256: str

    @property
    def signature(self) -> bytes | None:
        """The content of manifest.sig, unchecked: signatures are the business of `viral_common.signing`."""
        path = self.directory / SIGNATURE
        return path.read_bytes() if path.is_file() else None

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Those it has a graph of, fp32 first."""
        return tuple(precision for precision, name in GRAPHS.items() if (self.directory / name).is_file())


def write_manifest(directory: Path) -> str:
    """Write manifest.json for the files that lie there; returns its sha256, the artefact's name in events."""
    files = {
        path.name: FileEntry(sha256=_compute_sha256(path), size=path.stat().st_size)
        for path in sorted(directory.iterdir())
        if path.name not in (MANIFEST, SIGNATURE)
    }
    body = Manifest(files=files).model_dump_json(indent=2).encode()
    (directory / MANIFEST).write_bytes(body)
    return hashlib.sha256(body).hexdigest()


def read_artefact(
    directory: Path, expected_sha256: str | None = None, serving: Precision | None = None
) -> Artefact:
    """Check digest, names, sizes and contents. Raises ArtefactError with one line that names the damage.

    All files must be there; where it only serves, those of its precision.
    """
    try:
        body = _build_manifest(directory)
        digest = hashlib.sha256(body).hexdigest()
        if expected_sha256 is not None and digest != expected_sha256:
            raise ArtefactError(
                f"{directory}: {MANIFEST} has digest {digest[:12]}…, announced was {expected_sha256[:12]}…"
            )
        manifest = _parse(Manifest, body, directory / MANIFEST)
        if os.path.lexists(directory / SIGNATURE):
            _check_regular(directory / SIGNATURE)
        for name in _check_names(directory, manifest, serving):
            _check_file(directory / name, manifest.files[name])
        spec = _parse(ArtefactSpec, (directory / SPEC).read_bytes(), directory / SPEC)
    except OSError as error:
        raise ArtefactError(f"{directory}: cannot be read ({error.strerror or error})") from error
    return Artefact(directory, spec, digest)


def _build_manifest(directory: Path) -> bytes:
    path = directory / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise ArtefactError(f"{directory}: holds no {MANIFEST}, so it is no model artefact")
    _check_size(path)
    return path.read_bytes()


def _check_names(directory: Path, manifest: Manifest, serving: Precision | None) -> set[str]:
    listed = set(manifest.files)
    for name in listed:
        if Path(name).name != name or name.startswith(".") or "\\" in name:
            raise ArtefactError(f"{directory}: {MANIFEST} names {name!r}, which is no plain file name")
        refuse_code(name, directory)
    present = {path.name for path in directory.iterdir()} - {MANIFEST, SIGNATURE}
    wanted = SERVING[serving] if serving else listed
    if missing := (FILES - listed) | (wanted - present):
        raise ArtefactError(f"{directory}: missing {', '.join(sorted(missing))}")
    if extra := present - listed:
        raise ArtefactError(f"{directory}: {', '.join(sorted(extra))} not in {MANIFEST}")
    return present


def refuse_code(name: str, of: object) -> None:
    """Refuse with an ArtefactError a file name of `of` whose format can run code when it is read."""
    if Path(name).suffix not in _SAFE_SUFFIXES and name != SIGNATURE:
        raise ArtefactError(f"{of}: {name} has a format that could run code when read")


def get_size_limit(name: str) -> int:
    """Get how many bytes a file of that name may have."""
    return _SIZE_LIMITS.get(name, _OTHER_SIZE_LIMIT)


def _check_size(path: Path) -> None:
    if path.stat().st_size > (limit := get_size_limit(path.name)):
        raise ArtefactError(f"{path}: more than {limit:,} bytes, as no real one has")


def _check_regular(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        raise ArtefactError(f"{path}: not a regular file")
    _check_size(path)


def _check_file(path: Path, entry: FileEntry) -> None:
    _check_regular(path)
    if (size := path.stat().st_size) != entry.size:
        raise ArtefactError(f"{path}: {size} bytes, {MANIFEST} says {entry.size}")
    if _compute_sha256(path) != entry.sha256:
        raise ArtefactError(f"{path}: its contents differ from the sha256 in {MANIFEST}")


def _compute_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parse(part: type[AnyPart], body: bytes, path: Path) -> AnyPart:
    try:
        return part.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in problem["loc"])
        raise ArtefactError(f"{path}: {where or 'file'}: {problem['msg']}") from error
