"""Read words as the text rivals do, and fit the logistic regression behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from viral_common.tweets.features import TweetInput
from viral_common.tweets.text import mask_text

WORD = r"[#@]?\w+"  # a hashtag is another word than the word in it
STRENGTHS = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0)  # inverse of the regularisation


def mask_texts(tweets: Sequence[TweetInput]) -> list[str]:
    """Mask links and mentions, as the product reads them."""
    return [mask_text(tweet.text) for tweet in tweets]


def choose_strength(x: Any, y: NDArray[Any], x_val: Any, y_val: NDArray[Any]) -> tuple[float, float]:
    """Find the least validation log loss and the strength that reaches it; x is any matrix, dense or sparse."""
    tried = []
    for strength in STRENGTHS:
        model = make_regression(strength).fit(x, y)
        tried.append((log_loss(y_val, model.predict_proba(x_val)[:, 1]), strength))
    return min(tried)


def make_regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1_000)
