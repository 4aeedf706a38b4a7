"""Train the student project's recipe: a frozen BERT, everything padded to 128 tokens, a small head.

The encoder reads every tweet again in every epoch, as it did there: that is what this recipe's time is spent on.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from viral_common.artefact.tokens import mask_for_tokenizer
from viral_common.tweets.features import TWEET_FEATURES, TweetInput, compute_feature_matrix
from viral_common.tweets.tweet import LabelledTweet, stack_labels, take_inputs

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.model.base_model import BaseModel, find_base_model
from viral_trainer.settings import OfflineSettings

PADDED = 128
BATCH = 64
MOST_EPOCHS, PATIENCE = 20, 2
# Of the head; found on validation tweets.
WIDTH, DROPOUT, LEARNING_RATE = 256, 0.1, 1e-3


@dataclass(frozen=True)
class TweetTensors:
    """Hold tweets as tensors."""

    ids: Tensor  # (tweets, PADDED) int32
    mask: Tensor  # the same
    features: Tensor  # (tweets, 9) float32, standardised


def train(parts: Parts, settings: OfflineSettings) -> Predict:
    """Train the head by Adam until the validation loss has not fallen for PATIENCE epochs; the best epoch is kept."""
    torch.manual_seed(settings.train_seed)
    torch.set_num_threads(settings.cores)
    reader = TweetReader(find_base_model(settings.base_model), parts.train)
    network = FrozenBert(reader.base)
    tweets, labels = reader.read(take_inputs(parts.train)), _make_labels(parts.train)
    validation, validation_labels = reader.read(take_inputs(parts.validation)), _make_labels(parts.validation)
    optimizer = torch.optim.Adam(network.head.parameters(), lr=LEARNING_RATE)

    best, best_loss, worse = deepcopy(network.head), float("inf"), 0
    for _ in range(MOST_EPOCHS):
        train_epoch(network, tweets, labels, optimizer)
        held_out = binary_cross_entropy_with_logits(
            network.compute_logits(validation), validation_labels
        ).item()
        worse = 0 if held_out < best_loss else worse + 1
        if worse == 0:
            best, best_loss = deepcopy(network.head), held_out
        if worse == PATIENCE:
            break
    network.head = best

    return lambda tweets: network.compute_logits(reader.read(tweets)).sigmoid().double().numpy()


def train_epoch(
    network: FrozenBert, tweets: TweetTensors, labels: Tensor, optimizer: torch.optim.Optimizer
) -> None:
    network.head.train()
    for rows in torch.split(torch.randperm(len(labels)), BATCH):
        loss = binary_cross_entropy_with_logits(network(tweets, rows), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


class TweetReader:
    """Turn tweets into tensors, by the tokenizer and the scaling of the features."""

    def __init__(self, base: BaseModel, train: Sequence[LabelledTweet]) -> None:
        self.base = base
        self._tokenizer = base.load_tokenizer(PADDED)
        self._tokenizer.enable_padding(length=PADDED)
        self._scaler = StandardScaler().fit(_compute_tweet_features(take_inputs(train)))

    def read(self, tweets: Sequence[TweetInput]) -> TweetTensors:
        """Read all at once."""
        encodings = self._tokenizer.encode_batch([mask_for_tokenizer(tweet.text) for tweet in tweets])
        return TweetTensors(
            torch.tensor(np.array([encoding.ids for encoding in encodings], dtype=np.int32)),
            torch.tensor(np.array([encoding.attention_mask for encoding in encodings], dtype=np.int32)),
            torch.tensor(self._scaler.transform(_compute_tweet_features(tweets)), dtype=torch.float32),
        )


class FrozenBert(nn.Module):
    """Join the mean of the encoder's last layer and the features in a small head."""

    def __init__(self, base: BaseModel) -> None:
        super().__init__()
        self.encoder = base.load_encoder().eval().requires_grad_(False)
        width = self.encoder.config.hidden_size + len(TWEET_FEATURES)
        self.head = nn.Sequential(
            nn.Linear(width, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, 1)
        )

    def forward(self, tweets: TweetTensors, rows: Tensor) -> Tensor:
        """Compute the logits of these rows, (rows,)."""
        mask = tweets.mask[rows]
        with torch.no_grad():
            hidden = self.encoder(input_ids=tweets.ids[rows], attention_mask=mask).last_hidden_state
        mean = (hidden * mask.unsqueeze(-1)).sum(dim=1) / mask.sum(dim=1, keepdim=True)  # (rows, width)
        logits: Tensor = self.head(torch.cat([mean, tweets.features[rows]], dim=1)).squeeze(-1)
        return logits

    @torch.no_grad()
    def compute_logits(self, tweets: TweetTensors) -> Tensor:
        """Compute the logits of all, (tweets,)."""
        self.head.eval()
        return torch.cat([self(tweets, rows) for rows in torch.split(torch.arange(len(tweets.ids)), BATCH)])


def _make_labels(tweets: Sequence[LabelledTweet]) -> Tensor:
    return torch.tensor(stack_labels(tweets), dtype=torch.float32)


def _compute_tweet_features(tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
    return compute_feature_matrix(tweets)[:, : len(TWEET_FEATURES)]
