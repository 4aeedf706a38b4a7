"""List who is compared, in the order of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from viral_common.errors import UsageError

from viral_trainer.compare.parts import Known


@dataclass(frozen=True)
class Contender:
    """Name a recipe, and what it is told while it trains and while it is asked."""

    name: str
    recipe: str  # a module of viral_trainer.compare.recipes
    what: str
    trains: Known = "no author"
    asked: Known = "no author"


CONTENDERS = (
    Contender("majority", "majority", "says the training tweets' share of viral ones of every tweet"),
    Contender("trees", "trees", "nine tweet features, boosted trees"),
    Contender("tfidf", "tfidf", "TF-IDF of words and pairs of words, logistic regression"),
    Contender("doc2vec", "doc2vec", "Doc2Vec (gensim), logistic regression"),
    Contender("followers", "trees", "followers alone, boosted trees", "followers alone", "followers alone"),
    Contender(
        "trees+author", "trees", "nine features and all known of the author, boosted trees", "all", "all"
    ),
    Contender(
        "frozen-bert", "frozen_bert", "frozen BERT-tiny padded to 128 tokens, nine tweet features, small head"
    ),
    Contender(
        "champion", "champion", "this product's recipe, told all that is known of the author", "all", "all"
    ),
    Contender(
        "champion-followers", "champion", "the same model, told only the followers", "all", "followers"
    ),
    Contender("champion-no-author", "champion", "the same model, told nothing of the author", "all"),
)


def choose_contenders(names: str | None) -> list[Contender]:
    """Choose those named, separated by commas; all for None. Raises UsageError for a name that nobody has."""
    wanted = [name.strip() for name in names.split(",") if name.strip()] if names is not None else None
    known = [contender.name for contender in CONTENDERS]
    if wanted is not None and (not wanted or set(wanted) - set(known)):
        unknown = ", ".join(name for name in wanted if name not in known) or "nothing"
        raise UsageError(f"--models names {unknown}; choose from: {', '.join(known)}")
    return [contender for contender in CONTENDERS if wanted is None or contender.name in wanted]


def group_by_training(contenders: Sequence[Contender]) -> list[list[Contender]]:
    """Group neighbours that ask one and the same model."""
    groups = groupby(contenders, lambda contender: (contender.recipe, contender.trains))
    return [list(group) for _, group in groups]
