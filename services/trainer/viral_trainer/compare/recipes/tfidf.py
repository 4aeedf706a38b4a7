"""Which words and pairs of words a tweet holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import stack_labels

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.compare.recipes.words import WORD, best_strength, regression, texts_of
from viral_trainer.settings import OfflineSettings

RAREST = (2, 5)  # words in fewer tweets are left out


def learn(parts: Parts, _settings: OfflineSettings) -> Predict:
    """Rarest word and regularisation are chosen on the validation tweets; then all learned tweets are used."""
    y, y_val = stack_labels(parts.train), stack_labels(parts.validation)
    tried = []
    for rarest in RAREST:
        vectors = _vectorizer(rarest)
        x, x_val = vectors.fit_transform(texts_of(parts.train)), vectors.transform(texts_of(parts.validation))
        tried.append((*best_strength(x, y, x_val, y_val), rarest))
    _, strength, rarest = min(tried)
    best = _vectorizer(rarest)
    model = regression(strength).fit(best.fit_transform(texts_of(parts.learned)), stack_labels(parts.learned))

    def predict(tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        return np.asarray(model.predict_proba(best.transform(texts_of(tweets)))[:, 1])

    return predict


def _vectorizer(rarest: int) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), min_df=rarest, sublinear_tf=True, token_pattern=WORD)
