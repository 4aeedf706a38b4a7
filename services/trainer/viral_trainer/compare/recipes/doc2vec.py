"""A vector per tweet (Le & Mikolov 2014), by gensim."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from gensim.models.doc2vec import Doc2Vec, TaggedDocument
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import LabelledTweet, stack_labels

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.compare.recipes.words import WORD, best_strength, regression, texts_of
from viral_trainer.settings import OfflineSettings

# Found on validation tweets: the bag of words (dm=0) beats the sequence, all words beat a sample of them.
WIDTH, EPOCHS, RAREST = 100, 20, 2

Vectors = NDArray[np.float32]


def learn(parts: Parts, settings: OfflineSettings) -> Predict:
    """Vectors learn from all learned texts, no labels; the regularisation is chosen on the validation tweets."""
    documents = [TaggedDocument(words, [place]) for place, words in enumerate(_words(parts.learned))]
    vectors = Doc2Vec(
        documents,
        dm=0,
        vector_size=WIDTH,
        epochs=EPOCHS,
        min_count=RAREST,
        sample=0,
        seed=settings.train_seed,
        workers=1,  # several race each other, and no two runs are alike
    )
    # Inferred anew although trained: so training and test tweets are read alike.
    x, x_val = _inferred(vectors, parts.train), _inferred(vectors, parts.validation)
    y, y_val = stack_labels(parts.train), stack_labels(parts.validation)
    scaler = StandardScaler().fit(x)
    _, strength = best_strength(scaler.transform(x), y, scaler.transform(x_val), y_val)
    model = make_pipeline(scaler, regression(strength)).fit(
        np.concatenate([x, x_val]), np.concatenate([y, y_val])
    )

    def predict(tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        return np.asarray(model.predict_proba(_inferred(vectors, tweets))[:, 1])

    return predict


def _inferred(vectors: Doc2Vec, tweets: Sequence[LabelledTweet] | Sequence[TweetInput]) -> Vectors:
    return np.array([vectors.infer_vector(words) for words in _words(tweets)], dtype=np.float32)


def _words(tweets: Sequence[LabelledTweet] | Sequence[TweetInput]) -> list[list[str]]:
    return [re.findall(WORD, text.lower()) for text in texts_of(tweets)]
