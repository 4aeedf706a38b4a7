"""List who is compared, in the order of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from viral_common.errors import UsageError

from viral_trainer.compare.parts import AuthorKnown


@dataclass(frozen=True)
class Contender:
    """Name a recipe, and what it knows of the authors while it trains and while it is asked."""

    name: str
    recipe: str  # a module of viral_trainer.compare.recipes
    what: str
    trains: AuthorKnown = "nothing"
    asked: AuthorKnown = "nothing"


CONTENDERS = (
    Contender("majority", "majority", "says the training tweets' share of viral ones of every tweet"),
    Contender("trees", "trees", "nine tweet features, boosted trees"),
    Contender("tfidf", "tfidf", "TF-IDF of words and pairs of words, logistic regression"),
    Contender("doc2vec", "doc2vec", "Doc2Vec (gensim), logistic regression"),
    Contender(
        "followers", "followers", "the author's followers alone, boosted trees", "followers", "followers"
    ),
    Contender(
        "trees+author",
        "trees",
        "nine tweet features, the author's history and profile, boosted trees",
        "all",
        "all",
    ),
    Contender(
        "frozen-bert", "frozen_bert", "frozen BERT-tiny padded to 128 tokens, nine tweet features, small head"
    ),
    Contender(
        "champion",
        "champion",
        "this product's recipe, asked with the author's history and profile",
        "all",
        "all",
    ),
    Contender(
        "champion-followers",
        "champion",
        "the same model, told only the author's followers",
        "all",
        "followers",
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
