"""Define the shallow model: a linear score of the words, and boosted trees over it and the features.

Trees tell numbers apart better than a network does, and whoever learns differently errs elsewhere: their logits added
are better than either's (docs/model-search.md). Other trees say how many likes: what an account usually gets, and what
the tweet adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from viral_common.tweets.features import FEATURES, TWEET_FEATURES

from viral_trainer.model.hashed_terms import TermWeights
from viral_trainer.model.tree_layer import Trees

# A term is one token, or up to so many in a row.
LONGEST_TERM = 3
# Whether there is a history, and whether there is a profile.
KNOWN_COLUMNS = [FEATURES.index("author_known"), FEATURES.index("profile_known")]


class BoostedText(nn.Module):
    """Compute the logit beside the deep network's, and log(1 + likes). Made empty, for `load_state_dict`."""

    shares: Tensor  # (2,): how much the deep logit counts, and how much the trees'
    known_shares: Tensor  # (features,): how much more the deep one does by what is known
    mean_log_likes: Tensor  # ()

    def __init__(self, trees: Trees, account: Trees, gain: Trees) -> None:
        super().__init__()
        self.trees = trees  # of all that is known
        self.account = account  # of the author's columns alone
        self.gain = gain  # of the tweet's columns alone
        self.terms = TermWeights(LONGEST_TERM)
        self.register_buffer("shares", torch.ones(2))
        self.register_buffer("known_shares", torch.zeros(len(FEATURES)))
        self.register_buffer("mean_log_likes", torch.zeros(()))

    def set_shares(self, deep: float, known: Sequence[float], trees: float) -> None:
        """Set how much each part counts; `known`: by KNOWN_COLUMNS."""
        self.shares.copy_(torch.tensor([deep, trees]))
        self.known_shares[KNOWN_COLUMNS] = torch.tensor(known)

    def blend(self, deep: Tensor, text: Tensor, features: Tensor) -> Tensor:
        """Blend the deep logits, (batch,), with those of `judge`: the more is known of authors, the less texts say."""
        weight = self.shares[0] + features @ self.known_shares
        blended: Tensor = weight * deep + self.shares[1] * self.judge(text, features)
        return blended

    def judge(self, text: Tensor, features: Tensor) -> Tensor:
        """Map the result of `read`, (batch,), and float32 (batch, features) to (batch,)."""
        logits: Tensor = self.trees(torch.cat([features, text.unsqueeze(1)], dim=1))
        return logits

    def read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        """Map int64 (batch, tokens) twice to the linear score of the words, (batch,)."""
        return (self.terms(input_ids, attention_mask),)

    def predict_log_likes(self, text: Tensor, features: Tensor) -> Tensor:
        """Map the same to the expected log(1 + likes), (batch,): two drafts of one account differ by `gain` alone."""
        own, author = features[:, : len(TWEET_FEATURES)], features[:, len(TWEET_FEATURES) :]
        gained = self.gain(torch.cat([own, text.unsqueeze(1)], dim=1))
        expected: Tensor = self.mean_log_likes + self.account(author) + gained
        return expected

    def to_config(self) -> dict[str, Any]:
        """Describe, as JSON, what `build_boosted_text` needs to build an equal one."""
        return {name: getattr(self, name).to_config() for name in ("trees", "account", "gain")}


def build_boosted_text(config: dict[str, Any]) -> BoostedText:
    """Build an untrained one from `BoostedText.to_config()`; its weights are loaded next."""
    return BoostedText(**{name: Trees(**sizes) for name, sizes in config.items()})
