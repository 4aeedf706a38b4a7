"""Train a logistic regression on which words and pairs of words a tweet holds."""

from __future__ import annotations

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict, build_predict, read_parts
from viral_trainer.compare.recipes.words import WORD, choose_strength, make_regression, mask_texts
from viral_trainer.settings import OfflineSettings

RAREST = (2, 5)  # words in fewer tweets are left out


def train(parts: Parts, _settings: OfflineSettings) -> Predict:
    """Choose rarest word and regularisation on the validation tweets, then train on all learned tweets."""
    (texts, y), (texts_val, y_val), (texts_learned, y_learned) = read_parts(parts, mask_texts)
    tried = []
    for rarest in RAREST:
        vectors = _make_vectorizer(rarest)
        x, x_val = vectors.fit_transform(texts), vectors.transform(texts_val)
        tried.append((*choose_strength(x, y, x_val, y_val), rarest))
    _, strength, rarest = min(tried)
    model = make_pipeline(_make_vectorizer(rarest), make_regression(strength))
    return build_predict(model.fit(texts_learned, y_learned), mask_texts)


def _make_vectorizer(rarest: int) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), min_df=rarest, sublinear_tf=True, token_pattern=WORD)
