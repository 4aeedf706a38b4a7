"""A prediction as people read it: in words, word by word, feature by feature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from viral_common.tweets.features import AuthorHistory, TweetInput, compute_features

from viral_gateway.api.prediction_schemas import ModelDetails
from viral_gateway.pages.number_formats import goal, points
from viral_gateway.pages.what_if_chart import WhatIfView
from viral_gateway.prediction.explain import WORDS_PER_TWEET, WordWeight, find_words
from viral_gateway.prediction.predict import Prediction

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A word is coloured from this weight on, strongly from the second.
WEAK, STRONG = 0.01, 0.05
# So many words are listed each way.
LISTED = 5
# From each probability on, what it is called.
LIKELY = (
    (0.8, "Very likely"),
    (0.6, "Likely"),
    (0.5, "A little more likely than not"),
    (0.4, "A little less likely than not"),
    (0.2, "Unlikely"),
    (0.0, "Very unlikely"),
)


@dataclass(frozen=True)
class ShownPiece:
    """A word, or what stands between words; `style` says how much it weighs."""

    text: str
    style: str = ""
    points: str = ""


@dataclass(frozen=True)
class Result:
    """What the page shows beside the form."""

    probability: float
    words: str
    text: list[ShownPiece]
    raises: list[ShownPiece]
    lowers: list[ShownPiece]
    all_weighed: bool
    what_if: WhatIfView
    features: list[tuple[str, str]]
    author: str

    @classmethod
    def from_prediction(cls, prediction: Prediction, model: ModelDetails) -> Self:
        """Take a smaller weight as much where viral tweets are rare."""
        scale, tweet, weights = model.decision_threshold / 0.5, prediction.tweet, prediction.weights or []
        by_weight = sorted(weights, key=lambda found: found.weight)
        return cls(
            prediction.probability,
            in_words(prediction.probability, model),
            shown_text(tweet.text, weights, scale),
            listed(reversed(by_weight), "up", scale),
            listed(by_weight, "down", scale),
            len(find_words(tweet.text, WORDS_PER_TWEET + 1)) <= WORDS_PER_TWEET,
            WhatIfView.from_prediction(prediction),
            feature_rows(tweet),
            author_in_words(tweet.author, model.likes_threshold),
        )


def in_words(probability: float, model: ModelDetails) -> str:
    """What the probability says, carefully; and where likes are rare, whether the tweet stands out."""
    likely = next(words for least, words in LIKELY if probability >= least)
    said = f"{likely} to get {goal(model.likes_threshold)}"
    if model.decision_threshold <= probability < 0.5 and model.viral_rate:
        return f"{said}, yet {probability / model.viral_rate:.1f} times as likely as usual"
    return said


def author_in_words(author: AuthorHistory | None, threshold: int) -> str:
    """What was known of the author, in a sentence."""
    if author is None:
        return "Nobody said whose tweet it is, so the author counts as unknown."
    if not author.tweets:
        return "No earlier tweet of this author was collected."
    return f"{author.viral} of {author.settled} earlier tweets of this author got {goal(threshold)}."


def feature_rows(tweet: TweetInput) -> list[tuple[str, str]]:
    """The nine features with people's names for them."""
    features = compute_features(tweet)
    return [
        ("Day (UTC)", DAYS[features["created_at_dayofweek"]]),
        ("Hour (UTC)", f"{features['created_at_hour']:02d}:00"),
        ("Words", str(features["word_count"])),
        ("Hashtags", str(features["hashtags_count"])),
        ("Mentions", str(features["mentions_count"])),
        ("Links", str(features["urls_count"])),
        ("Photos", str(features["photos_count"])),
        ("Video", "yes" if features["has_video"] else "no"),
        ("Quotes a tweet", "yes" if features["is_quote_tweet"] else "no"),
    ]


def shown_text(text: str, weights: Sequence[WordWeight], scale: float) -> list[ShownPiece]:
    """The whole text, its words each with one of five styles."""
    pieces, end = [], 0
    for found in weights:
        pieces.append(ShownPiece(text[end : found.word.start]))
        pieces.append(_shown(found, scale))
        end = found.word.end
    return [piece for piece in (*pieces, ShownPiece(text[end:])) if piece.text]


def listed(by_weight: Iterable[WordWeight], direction: str, scale: float) -> list[ShownPiece]:
    """The first words that are coloured for going in that `direction`."""
    shown = (_shown(found, scale) for found in by_weight)
    return [piece for piece in shown if piece.style.startswith(direction)][:LISTED]


def _shown(found: WordWeight, scale: float) -> ShownPiece:
    return ShownPiece(found.word.text, _style(found.weight, scale), points(found.weight))


def _style(weight: float, scale: float) -> str:
    if abs(weight) < scale * WEAK:
        return "even"
    strength = "much" if abs(weight) >= scale * STRONG else "some"
    return f"{'up' if weight > 0 else 'down'}-{strength}"
