"""Say a prediction as people read it: in words, word by word, feature by feature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from viral_common.tweets.features import AuthorHistory, TweetInput, compute_features

from viral_gateway.api.prediction_schemas import ModelDetails
from viral_gateway.pages.number_formats import format_goal, format_points
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
class TextPiece:
    """Hold a word, or what stands between words; `style` says how much it weighs."""

    text: str
    style: str = ""
    points: str = ""


@dataclass(frozen=True)
class Result:
    """Hold what the page shows beside the form."""

    probability: float
    words: str
    text: list[TextPiece]
    raises: list[TextPiece]
    lowers: list[TextPiece]
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
            describe_probability(prediction.probability, model),
            mark_words(tweet.text, weights, scale),
            list_strongest(reversed(by_weight), "up", scale),
            list_strongest(by_weight, "down", scale),
            len(find_words(tweet.text, WORDS_PER_TWEET + 1)) <= WORDS_PER_TWEET,
            WhatIfView.from_prediction(prediction),
            list_features(tweet),
            describe_author(tweet.author, model.likes_threshold),
        )


def describe_probability(probability: float, model: ModelDetails) -> str:
    """Say carefully what the probability means; and where likes are rare, whether the tweet stands out."""
    likely = next(name for least, name in LIKELY if probability >= least)
    words = f"{likely} to get {format_goal(model.likes_threshold)}"
    if model.decision_threshold <= probability < 0.5 and model.viral_rate:
        return f"{words}, yet {probability / model.viral_rate:.1f} times as likely as usual"
    return words


def describe_author(author: AuthorHistory | None, threshold: int) -> str:
    """Say in a sentence what was known of the author."""
    if author is None:
        return "Without a username that could be looked up, the author counts as unknown."
    if not author.tweets:
        return "No earlier tweet of this author was collected."
    return f"{author.viral} of {author.settled} earlier tweets of this author got {format_goal(threshold)}."


def list_features(tweet: TweetInput) -> list[tuple[str, str]]:
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


def mark_words(text: str, weights: Sequence[WordWeight], scale: float) -> list[TextPiece]:
    """Mark the words of the whole text, each with one of five styles."""
    pieces, end = [], 0
    for found in weights:
        pieces.append(TextPiece(text[end : found.word.start]))
        pieces.append(_build_piece(found, scale))
        end = found.word.end
    return [piece for piece in (*pieces, TextPiece(text[end:])) if piece.text]


def list_strongest(by_weight: Iterable[WordWeight], direction: str, scale: float) -> list[TextPiece]:
    """List the first words that are coloured for going in that `direction`."""
    shown = (_build_piece(found, scale) for found in by_weight)
    return [piece for piece in shown if piece.style.startswith(direction)][:LISTED]


def _build_piece(found: WordWeight, scale: float) -> TextPiece:
    return TextPiece(found.word.text, _choose_style(found.weight, scale), format_points(found.weight))


def _choose_style(weight: float, scale: float) -> str:
    if abs(weight) < scale * WEAK:
        return "even"
    strength = "much" if abs(weight) >= scale * STRONG else "some"
    return f"{'up' if weight > 0 else 'down'}-{strength}"
