"""Train a vector per tweet (Le & Mikolov 2014), by gensim."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from gensim.models.doc2vec import Doc2Vec, TaggedDocument
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import stack_labels, take_inputs

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict, build_predict
from viral_trainer.compare.recipes.words import WORD, choose_strength, make_regression, mask_texts
from viral_trainer.settings import OfflineSettings

# Found on validation tweets: the bag of words (dm=0) beats the sequence, all words beat a sample of them.
WIDTH, EPOCHS, RAREST = 100, 20, 2


def train(parts: Parts, settings: OfflineSettings) -> Predict:
    """Train vectors on all learned texts, without labels; choose the regularisation on the validation tweets."""
    documents = [
        TaggedDocument(words, [place]) for place, words in enumerate(_split_words(take_inputs(parts.learned)))
    ]
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

    def infer(tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
        return np.array([vectors.infer_vector(words) for words in _split_words(tweets)], dtype=np.float32)

    # Inferred anew although trained: so training and test tweets are read alike.
    x, x_val = infer(take_inputs(parts.train)), infer(take_inputs(parts.validation))
    y, y_val = stack_labels(parts.train), stack_labels(parts.validation)
    scaler = StandardScaler().fit(x)
    _, strength = choose_strength(scaler.transform(x), y, scaler.transform(x_val), y_val)
    model = make_pipeline(scaler, make_regression(strength))
    return build_predict(model.fit(np.concatenate([x, x_val]), np.concatenate([y, y_val])), infer)


def _split_words(tweets: Sequence[TweetInput]) -> list[list[str]]:
    return [re.findall(WORD, text.lower()) for text in mask_texts(tweets)]
