"""A tokenizer that breaks is an error like any other."""

from __future__ import annotations

import json

import pytest
from viral_common.artefact.tokens import parse_tokenizer, tokenise
from viral_common.errors import ArtefactError

from tests.factories import make_letter_tokenizer


def test_a_panic_does_not_end_the_thread_that_scores() -> None:
    content = json.loads(make_letter_tokenizer().to_str())
    del content["post_processor"]["special_tokens"]["[CLS]"]
    tokenizer = parse_tokenizer(json.dumps(content).encode(), 128)

    with pytest.raises(ArtefactError, match="its tokenizer breaks"):
        tokenise(tokenizer, ["a"])
