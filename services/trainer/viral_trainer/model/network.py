"""Build the network: an encoder's text, hashed token pairs and features into a logit; trees stand beside it.

How each part was chosen: docs/model-search.md.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from viral_common.tweets.features import TWEET_FEATURES

from viral_trainer.model.encoder import build_encoder, read_text
from viral_trainer.model.hashed_terms import TERM_BUCKETS, TermWeights, hash_terms
from viral_trainer.model.text_trees import BoostedText, build_boosted_text

HEAD_WIDTH = 64
DROPOUT = 0.1
WAVES = 4
PAIR_BUCKETS = 2**17
PAIR_WIDTH = 16


class Periodic(nn.Module):
    """Put sines and cosines of learned frequencies beside each feature (Gorishniy et al. 2022).

    So the head can tell hours apart that a line through the scaled hour cannot.
    """

    def __init__(self, feature_count: int) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(0.7 * torch.randn(feature_count, WAVES))
        self.width = feature_count * (1 + 2 * WAVES)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, features) to (batch, width)."""
        angles = 2 * math.pi * features.unsqueeze(-1) * self.frequencies  # (batch, features, waves)
        return torch.cat([features, angles.sin().flatten(1), angles.cos().flatten(1)], dim=1)


class TokenPairs(nn.Module):
    """Add tokens and neighbouring pairs straight to the logit: the wide part beside the deep one (Cheng et al. 2016).

    A small encoder forgets the rare phrases that a bag of words remembers. Hashed, they need no vocabulary.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(PAIR_BUCKETS, PAIR_WIDTH)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.output = nn.Linear(PAIR_WIDTH, 1, bias=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map int64 (batch, tokens) twice to what they add to the logit, (batch,)."""
        terms, there = hash_terms(input_ids, attention_mask, longest=2)  # (batch, 2 * tokens - 1)
        weight = there.to(self.embedding.weight.dtype).unsqueeze(-1)
        bag = (self.embedding(terms % PAIR_BUCKETS) * weight).sum(dim=1) / weight.sum(dim=1).sqrt()
        added: Tensor = self.output(bag).squeeze(-1)  # bag: (batch, PAIR_WIDTH)
        return added

    @torch.no_grad()
    def to_weights(self) -> TermWeights:
        """Fold each pair's learned numbers into one: what they add to the logit."""
        folded = TermWeights(longest=2)
        folded.weights.copy_(
            self.output(self.embedding.weight).squeeze(-1).repeat(TERM_BUCKETS // PAIR_BUCKETS)
        )
        return folded


class ViralityNetwork(nn.Module):
    """Join the encoder's text and the tweet's features in a small MLP; add token pairs."""

    def __init__(self, encoder: PreTrainedModel, feature_count: int) -> None:
        super().__init__()
        self.encoder = encoder
        # Two thirds of the weights, and none the better for being trained here: a fifth of each step's time.
        encoder.get_input_embeddings().requires_grad_(False)
        self.feature_count = feature_count
        self.periodic = Periodic(len(TWEET_FEATURES))
        self.pairs: TokenPairs | TermWeights = TokenPairs()
        self.head = nn.Sequential(
            nn.Linear(2 * encoder.config.hidden_size + self.periodic.width, HEAD_WIDTH),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HEAD_WIDTH, 1),
        )
        self.boosted: BoostedText | None = None  # comes when all else has learned

    def forward(self, input_ids: Tensor, attention_mask: Tensor, features: Tensor) -> Tensor:
        """Map int64 (batch, tokens) twice and float32 (batch, features) to the deep part's logits, float32 (batch,)."""
        return self.judge(*self.read(input_ids, attention_mask), features)

    def read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read the text: (batch, 2 * width) for the head, and what its token pairs add to the logit, (batch,)."""
        return read_text(self.encoder, input_ids, attention_mask), self.pairs(input_ids, attention_mask)

    def judge(self, text: Tensor, pairs: Tensor, features: Tensor) -> Tensor:
        """Map both results of `read` and float32 (batch, features) to the deep part's logits, float32 (batch,).

        It looks at the tweet alone: of authors the trees make more.
        """
        periodic = self.periodic(features[:, : len(TWEET_FEATURES)])
        logits: Tensor = self.head(torch.cat([text, periodic], dim=1)).squeeze(-1) + pairs
        return logits

    def to_served(self) -> ServedNetwork:
        """Copy it with fewer operations and the same answers; the copy cannot be trained."""
        served = copy.deepcopy(self)
        if isinstance(self.pairs, TokenPairs):
            served.pairs = self.pairs.to_weights()
        return ServedNetwork(served).eval()

    def to_config(self) -> dict[str, Any]:
        """Describe, as JSON, what `build_network` needs to build an equal network."""
        return {
            "encoder": self.encoder.config.to_dict(),
            "feature_count": self.feature_count,
            "boosted": self.boosted.to_config() if self.boosted else None,
        }


class ServedNetwork(nn.Module):
    """Answer with all parts of a network what is served: the logit, and log(1 + likes)."""

    def __init__(self, network: ViralityNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map int64 (batch, tokens) twice and float32 (batch, features) to both, float32 (batch,)."""
        logits: Tensor = self.network(input_ids, attention_mask, features)
        boosted = self.network.boosted
        if boosted is None:
            return logits, torch.zeros_like(logits)
        text = boosted.read(input_ids, attention_mask)
        return boosted.blend(logits, *text, features), boosted.predict_log_likes(*text, features)


def build_network(config: dict[str, Any]) -> ViralityNetwork:
    """Build an untrained network from `ViralityNetwork.to_config()`; its weights are loaded next."""
    network = ViralityNetwork(build_encoder(config["encoder"]), config["feature_count"])
    if boosted := config.get("boosted"):
        network.boosted = build_boosted_text(boosted)
    return network
