"""Rank drafts of one account, and say which cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field
from viral_common.artefact.files import ArtefactSpec
from viral_common.tweets.features import TweetInput

from viral_gateway.prediction.noise import Scored, is_clear

# Fewer likes than this, between bounds that begin at none, say nothing.
FEW_LIKES = 3
Likes = Annotated[float, Field(ge=0, examples=[12.4])]


@dataclass(frozen=True)
class ExpectedLikes:
    """Say how many likes to expect, and the bounds between which they lie in four of five cases."""

    likes: Likes
    low: Likes
    high: Likes

    @classmethod
    def from_score(cls, score: Scored, spec: ArtefactSpec) -> Self | None:
        """Compute them where the model can and the account is large enough for them to say something."""
        if spec.likes is None or score.log_likes is None:
            return None
        found = (math.expm1(score.log_likes), *spec.likes.compute_interval(score.log_likes))
        expected = cls(*(round(max(0.0, likes), 1) for likes in found))
        return None if expected.low < 0.5 and expected.likes < FEW_LIKES else expected


@dataclass(frozen=True)
class RankedDraft:
    """Say how a draft stands among the others."""

    place: Annotated[int, Field(ge=1, description="1 is the best", examples=[1])]
    index: Annotated[int, Field(ge=0, description="Its place in the request, from 0", examples=[1])]
    probability: Annotated[float, Field(description="As in predictions", examples=[0.43])]
    expected_likes: Annotated[ExpectedLikes | None, Field(description="Of accounts large enough")] = None
    differs: Annotated[bool | None, Field(description="From the next, by more than noise")] = None
    confidence: Annotated[float | None, Field(description="How often such a better one is")] = None


@dataclass(frozen=True)
class Ranking:
    """Hold drafts, the best first, and what is usual for their account; any of them says what was known of it."""

    tweet: TweetInput
    usual: float
    drafts: list[RankedDraft]

    @classmethod
    def from_scores(
        cls, tweet: TweetInput, usual: Scored, scores: Sequence[Scored], spec: ArtefactSpec
    ) -> Self:
        """Order by expected likes where the model says them, else by probability; equal drafts stay as they were."""
        strengths = [one.probability if one.log_likes is None else one.log_likes for one in scores]
        order = sorted(range(len(scores)), key=strengths.__getitem__, reverse=True)
        likes = [ExpectedLikes.from_score(one, spec) for one in scores]
        drafts = [
            RankedDraft(place, index, scores[index].probability, likes[index])
            for place, index in enumerate(order, 1)
        ]
        for place, (index, after) in enumerate(pairwise(order)):
            one, other, gap = scores[index], scores[after], strengths[index] - strengths[after]
            # Where only probabilities say what is noise, they must also agree on which is the better.
            differs = is_clear(one, other, spec) and (spec.drafts is not None or one > other)
            confidence = spec.drafts.compute_confidence(gap) if spec.drafts else None
            drafts[place] = replace(drafts[place], differs=differs, confidence=confidence)
        return cls(tweet, usual.probability, drafts)

    @property
    def groups(self) -> list[list[RankedDraft]]:
        """The drafts, neighbours together of which none beats the next by more than noise."""
        ends = [draft.place for draft in self.drafts if draft.differs is not False]
        return [self.drafts[start:end] for start, end in pairwise([0, *ends])]
