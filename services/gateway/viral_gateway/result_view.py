"""A prediction as people read it: in words, word by word, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass

from viral_gateway.schemas import AuthorOut, Features, ModelDetails, WordWeightOut
from viral_gateway.views import goal, points

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A word is coloured from this weight on, strongly from the second.
WEAK, STRONG = 0.01, 0.05
# From each probability on, what it is called.
LIKELY = (
    (0.8, "Very likely"),
    (0.6, "Likely"),
    (0.5, "A little more likely than not"),
    (0.4, "A little less likely than not"),
    (0.2, "Unlikely"),
    (0.0, "Very unlikely"),
)


def in_words(probability: float, model: ModelDetails) -> str:
    """What the probability says, carefully; and where likes are rare, whether the tweet stands out."""
    likely = next(words for least, words in LIKELY if probability >= least)
    said = f"{likely} to get {goal(model.likes_threshold)}"
    if model.decision_threshold <= probability < 0.5 and model.viral_rate:
        return f"{said}, yet {probability / model.viral_rate:.1f} times as likely as usual"
    return said


def author_in_words(author: AuthorOut | None, threshold: int) -> str:
    """What was known of the author, in a sentence."""
    if author is None:
        return "Nobody said whose tweet it is, so the author counts as unknown."
    if not author.tweets:
        return "No earlier tweet of this author was collected."
    return f"{author.viral} of {author.settled} earlier tweets of this author got {goal(threshold)}."


def feature_rows(features: Features) -> list[tuple[str, str]]:
    """The nine features with people's names for them."""
    return [
        ("Day (UTC)", DAYS[features.created_at_dayofweek]),
        ("Hour (UTC)", f"{features.created_at_hour:02d}:00"),
        ("Words", str(features.word_count)),
        ("Hashtags", str(features.hashtags_count)),
        ("Mentions", str(features.mentions_count)),
        ("Links", str(features.urls_count)),
        ("Photos", str(features.photos_count)),
        ("Video", "yes" if features.has_video else "no"),
        ("Quotes a tweet", "yes" if features.is_quote_tweet else "no"),
    ]


@dataclass(frozen=True)
class ShownWord:
    """A word of the explanation and how it is to look."""

    text: str
    points: str
    style: str


def shown_words(explanation: list[WordWeightOut], decision_threshold: float) -> list[ShownWord]:
    """The words in order, with one of five styles; where viral tweets are rare, less is much."""
    scale = decision_threshold / 0.5
    return [ShownWord(found.word, points(found.weight), _style(found.weight, scale)) for found in explanation]


def _style(weight: float, scale: float) -> str:
    if abs(weight) < scale * WEAK:
        return "even"
    strength = "much" if abs(weight) >= scale * STRONG else "some"
    return f"{'up' if weight > 0 else 'down'}-{strength}"
