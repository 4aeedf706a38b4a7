"""Artefacts: each file damaged, the manifest made and signed again half of the time so that the damage gets further."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import onnx
import onnxruntime  # noqa: F401  (once here, not in each forked process)
import structlog
from viral_common.artefact import graph_check, trial
from viral_common.artefact.files import GRAPHS, MANIFEST, SIGNATURE, Artefact, read_artefact, write_manifest
from viral_common.artefact.predictor import Predictor
from viral_common.errors import ArtefactError
from viral_common.events import Precision
from viral_common.signing.trust import Trust
from viral_common.tweets.features import TweetInput

from tests.factories import START, make_artefact
from tests.fuzz.mutators import mutate_bytes, mutate_json, mutate_protobuf
from tests.fuzz.watching import fork, read_memory
from tests.signing import TRAINER, make_trust

EVENT_ID, BATCH_ID = UUID(int=1), UUID(int=2)
REAL_TRIALS = 0.01
MOST_LOADED_MIB = 1024  # of a process with a model, all libraries included
TEXTS = (
    *sorted(graph_check.OPERATORS[""]),
    *(
        "Loop",
        "If",
        "Scan",
        "ai.onnx.ml",
        "com.microsoft",
        "TreeEnsembleRegressor",
        "logit",
        "input_ids",
        "features",
    ),
    *("attention_mask", "location", "offset", "length", "/etc/passwd", "axes", "value", "to", "perm", "axis"),
)
TWEETS = [TweetInput(text, START, photos_count=9) for text in ("", "a", "z0#@. " * 500, "\u200b日本" * 99)]
"""Such as were in no sample."""


def prepare(folder: Path) -> dict[str, Any]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])
    artefact = make_artefact(folder / "base")
    (artefact.directory / SIGNATURE).write_bytes(TRAINER.sign_artefact(artefact.sha256, EVENT_ID, BATCH_ID))
    trial.CPU_S = 10
    graphs = {name: onnx.load(artefact.directory / name) for name in GRAPHS.values()}
    trust = make_trust(folder)
    return {"artefact": artefact, "graphs": graphs, "trust": trust}


def run(rng: random.Random, state: dict[str, Any], folder: Path) -> str:
    base: Artefact = state["artefact"]
    directory = folder / "artefact"
    shutil.copytree(base.directory, directory)
    precision: Precision = rng.choice(("fp32", "int8"))
    again = rng.random() < 0.5
    for _ in range(rng.choice((1, 1, 1, 2))):
        _damage(rng, state, directory, precision)
    if again:
        _sign_again(rng, directory, changes=rng.random() < 0.2)
    announced = base.sha256
    if again or rng.random() < 0.5:
        manifest = directory / MANIFEST
        announced = hashlib.sha256(manifest.read_bytes() if manifest.is_file() else b"").hexdigest()
    trust = rng.choice((state["trust"], Trust(None, allow_unsigned=True)))
    try:
        artefact = read_artefact(directory, announced, rng.choice((None, precision)))
        trust.check_artefact(artefact.signature, artefact.sha256, BATCH_ID, rng.choice((None, EVENT_ID)))
        artefact.precisions  # noqa: B018
    except ArtefactError as error:
        assert "\n" not in str(error)
        return "refused before the trial"
    return _try(rng, artefact, precision)


def _try(rng: random.Random, artefact: Artefact, precision: Precision) -> str:
    if rng.random() < REAL_TRIALS:
        try:
            trial.try_artefact(artefact, precision)
        except ArtefactError as error:
            assert "\n" not in str(error)
            return "refused by a real trial"
    else:
        outcome = fork(lambda: _try_here(artefact, precision))
        if outcome != "passed":
            return f"trial {outcome}"
    loaded = fork(lambda: _load(artefact, precision))
    assert not loaded.startswith("crashed"), f"what came through its trial {loaded}"
    return loaded


def _try_here(artefact: Artefact, precision: Precision) -> str:
    """Do what the trial's own process does; there a traceback is a refusal as well."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    try:
        trial.try_here((str(artefact.directory), artefact.sha256, precision))
    except ArtefactError:
        return "refused"
    except BaseException as error:
        return f"ended by {type(error).__name__}"
    return "passed"


def _load(artefact: Artefact, precision: Precision) -> str:
    try:
        predictor = Predictor.load(artefact, precision, threads=1)
    except ArtefactError:
        return "refused after its trial"
    try:
        predictor.predict(TWEETS)
    except ArtefactError:
        return "loaded, and other tweets refused"
    finally:
        held = read_memory("VmHWM") >> 10
        assert held <= MOST_LOADED_MIB, f"a loaded model takes {held:,} MiB"
    return "loaded"


def _damage(rng: random.Random, state: dict[str, Any], directory: Path, precision: Precision) -> None:
    graph = GRAPHS[precision]
    files = (
        [graph] * 6
        + ["viral.json"] * 3
        + ["tokenizer.json"] * 3
        + [MANIFEST, MANIFEST, SIGNATURE, "other", "new"]
    )
    match rng.choice(files):
        case "other":
            path = directory / rng.choice(sorted(one.name for one in directory.iterdir()))
            path.unlink()
            if rng.random() < 0.6:
                rng.choice(
                    (lambda: path.symlink_to("nowhere.json"), path.mkdir, path.touch, lambda: os.mkfifo(path))
                )()
        case "new":
            names = (
                "x.pkl",
                ".hidden.json",
                "a\\b.json",
                "new.json",
                "model.int4.onnx",
                "é.md",
                "a" * 200 + ".json",
            )
            (directory / rng.choice(names)).write_bytes(rng.randbytes(9))
        case name if not (directory / name).is_file():
            return
        case name if name == graph and rng.random() < 0.8:
            model = onnx.ModelProto()
            model.CopyFrom(state["graphs"][name])
            mutate_protobuf(rng, model, TEXTS)
            try:
                (directory / name).write_bytes(model.SerializeToString())
            except ValueError:  # a text that is no UTF-8
                return
        case name if name.endswith(".onnx") or rng.random() < 0.2:
            (directory / name).write_bytes(mutate_bytes(rng, (directory / name).read_bytes()))
        case name:
            try:
                value = json.loads((directory / name).read_bytes())
            except (ValueError, RecursionError):
                return
            (directory / name).write_bytes(mutate_json(rng, value))


def _sign_again(rng: random.Random, directory: Path, changes: bool) -> None:
    if not all(path.is_file() for path in directory.iterdir()):
        return
    sha256 = write_manifest(directory)
    if changes:
        listed = mutate_json(rng, json.loads((directory / MANIFEST).read_bytes()))
        (directory / MANIFEST).write_bytes(listed)
        sha256 = hashlib.sha256(listed).hexdigest()
    (directory / SIGNATURE).unlink(missing_ok=True)
    (directory / SIGNATURE).write_bytes(TRAINER.sign_artefact(sha256, EVENT_ID, BATCH_ID))
