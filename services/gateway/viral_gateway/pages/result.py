"""Say a prediction as people read it: in words, word by word, feature by feature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from viral_common.artefact.files import DECISION_THRESHOLD, ArtefactSpec
from viral_common.tweets.features import TweetInput, compute_features

from viral_gateway.pages.number_formats import format_day, format_goal, format_points
from viral_gateway.prediction.explain import WORDS_PER_TWEET, WordWeight, find_words
from viral_gateway.prediction.predict import Prediction
from viral_gateway.prediction.what_if import Outcome
from viral_gateway.serving.champion import Serving

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A word that weighs more than noise is coloured, from this weight on strongly.
STRONG = 0.05
COUNTS = ("followers", "following", "posts", "favourites", "listed")
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

    account: str
    usual: float
    added: str
    """What the tweet adds to the usual, in points; empty where that is no more than noise."""
    probability: float
    words: str
    text: list[TextPiece]
    raises: list[TextPiece]
    lowers: list[TextPiece]
    all_weighed: bool
    what_if: Outcome
    features: list[tuple[str, str]]

    @classmethod
    def from_prediction(cls, prediction: Prediction, serving: Serving) -> Self:
        """Take a prediction with its explanation, and the model that made it."""
        tweet, _, _, explanation, outcome = prediction
        assert explanation, "the form asks for it"  # noqa: S101
        assert outcome, "and for that"  # noqa: S101
        usual, clear, weights = explanation
        spec = serving.scorer.spec
        strong = STRONG * spec.decision_threshold / DECISION_THRESHOLD
        by_weight = sorted(weights, key=lambda found: found.weight)
        return cls(
            describe_account(tweet, spec.likes_threshold),
            usual,
            format_points(prediction.probability - usual) if clear else "",
            prediction.probability,
            describe_probability(prediction.probability, spec),
            mark_words(tweet.text, weights, strong),
            list_strongest(reversed(by_weight), "up", strong),
            list_strongest(by_weight, "down", strong),
            len(find_words(tweet.text, WORDS_PER_TWEET + 1)) <= WORDS_PER_TWEET,
            outcome,
            list_features(tweet),
        )


def describe_probability(probability: float, spec: ArtefactSpec) -> str:
    """Say carefully what the probability means; and where likes are rare, whether the tweet stands out."""
    likely = next(name for least, name in LIKELY if probability >= least)
    words = f"{likely} to get {format_goal(spec.likes_threshold)}"
    viral_rate = spec.training.viral_rate
    if spec.decision_threshold <= probability < 0.5 and viral_rate:
        return f"{words}, yet {probability / viral_rate:.1f} times as likely as the average tweet"
    return words


def describe_account(tweet: TweetInput, threshold: int) -> str:
    """Say in a sentence or two what was known of the account: nothing, its followers, its profile, its history."""
    known = []
    if profile := tweet.profile:
        counts = {name: getattr(profile, name) for name in COUNTS}
        parts = [f"{name} {count:,}" for name, count in counts.items() if count is not None]
        parts += ["verified"] if profile.verified else []
        parts += [f"since {format_day(profile.created_at)}"] if profile.created_at else []
        read = f" (read on {format_day(profile.read_at)})" if profile.read_at else ""
        known.append(f"Known of the account: {', '.join(parts) or 'not verified'}{read}.")
    if author := tweet.author:
        some = (
            f"{author.viral} of {author.settled} earlier tweets of this author got {format_goal(threshold)}."
        )
        known.append(some if author.tweets else "No earlier tweet of this author was collected.")
    return " ".join(known) or "Nothing is known of the account: give its followers, or its username."


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


def mark_words(text: str, weights: Sequence[WordWeight], strong: float) -> list[TextPiece]:
    """Mark the words of the whole text, each with one of five styles."""
    pieces, end = [], 0
    for found in weights:
        pieces.append(TextPiece(text[end : found.word.start]))
        pieces.append(_build_piece(found, strong))
        end = found.word.end
    return [piece for piece in (*pieces, TextPiece(text[end:])) if piece.text]


def list_strongest(by_weight: Iterable[WordWeight], direction: str, strong: float) -> list[TextPiece]:
    """List the first words that are coloured for going in that `direction`."""
    shown = (_build_piece(found, strong) for found in by_weight)
    return [piece for piece in shown if piece.style.startswith(direction)][:LISTED]


def _build_piece(found: WordWeight, strong: float) -> TextPiece:
    strength = "much" if abs(found.weight) >= strong else "some"
    style = f"{'up' if found.weight > 0 else 'down'}-{strength}" if found.clear else "even"
    return TextPiece(found.word.text, style, format_points(found.weight))
