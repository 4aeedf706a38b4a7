"""Tokenizers of every kind of encoder may serve; one that could make a text longer may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from viral_common.artefact.trial import LONGEST_CHARACTER, check_tokenizer
from viral_common.errors import ArtefactError

from tests.encoders import KINDS, encode_characters


@pytest.mark.parametrize("kind", KINDS)
def test_the_tokenizer_of_each_kind_is_known(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "tokenizer.json"
    KINDS[kind].make_tokenizer().save(str(path))

    check_tokenizer(path)


def check_normalizer(folder: Path, step: dict[str, Any]) -> None:
    """With a sound step before it, as SentencePiece's have."""
    path = folder / "tokenizer.json"
    steps = {"type": "Sequence", "normalizers": [{"type": "NFC"}, step]}
    path.write_text(json.dumps({"normalizer": steps, "model": {"type": "Unigram"}}))
    check_tokenizer(path)


def replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


@pytest.mark.parametrize("pattern", [" {2,}", r"\s{2,}|[\n\r\t]"])
def test_one_space_for_several_is_sound(tmp_path: Path, pattern: str) -> None:
    check_normalizer(tmp_path, replace({"Regex": pattern}, " "))


@pytest.mark.parametrize(
    "step",
    [
        replace({"Regex": " {2,}"}, "   "),
        replace({"Regex": "."}, " "),
        replace({"Regex": "(a+)+$"}, " "),
        replace({"String": " {2,}"}, " "),
        {"type": "Replace"},
        {"type": "Precompiled", "precompiled_charsmap": encode_characters(b"x" * (LONGEST_CHARACTER + 1))},
        {"type": "Prepend", "prepend": "x" * 9999},
    ],
    ids=lambda step: f"{step['type']}-{step.get('content', '')}",
)
def test_what_could_make_a_text_longer_is_refused(tmp_path: Path, step: dict[str, Any]) -> None:
    with pytest.raises(ArtefactError, match=rf"its normalizer is of an unknown kind, {step['type']}"):
        check_normalizer(tmp_path, step)


def test_a_table_of_characters_as_sentencepiece_has_is_sound(tmp_path: Path) -> None:
    table = encode_characters(b"x" * LONGEST_CHARACTER)

    check_normalizer(tmp_path, {"type": "Precompiled", "precompiled_charsmap": table})


@pytest.mark.parametrize(
    "step", [{}, *({"precompiled_charsmap": one} for one in (None, 7, "A", "no base64!"))]
)
def test_a_table_that_is_none_is_no_tokenizer(tmp_path: Path, step: dict[str, Any]) -> None:
    with pytest.raises(ArtefactError, match="not a tokenizer") as refusal:
        check_normalizer(tmp_path, {"type": "Precompiled", **step})

    assert "\n" not in str(refusal.value)
