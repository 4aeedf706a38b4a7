"""Words as the text rivals see them, and the logistic regression behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from viral_common.tweets.features import TweetInput
from viral_common.tweets.text import mask_text
from viral_common.tweets.tweet import LabelledTweet

WORD = r"[#@]?\w+"  # a hashtag is another word than the word in it
STRENGTHS = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0)  # inverse of the regularisation


def texts_of(tweets: Sequence[LabelledTweet] | Sequence[TweetInput]) -> list[str]:
    """Links and mentions masked, as the product reads them."""
    inputs = [tweet.input if isinstance(tweet, LabelledTweet) else tweet for tweet in tweets]
    return [mask_text(tweet.text) for tweet in inputs]


def best_strength(x: Any, y: NDArray[np.bool_], x_val: Any, y_val: NDArray[np.bool_]) -> tuple[float, float]:
    """The least validation log loss and the strength that reaches it; x is any matrix, dense or sparse."""
    tried = []
    for strength in STRENGTHS:
        model = regression(strength).fit(x, y)
        tried.append((log_loss(y_val, model.predict_proba(x_val)[:, 1]), strength))
    return min(tried)


def regression(strength: float) -> LogisticRegression:
    """Untrained."""
    return LogisticRegression(C=strength, max_iter=1_000)
