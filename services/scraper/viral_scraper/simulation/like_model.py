"""Draw the likes of simulated tweets: likes = seeds ** SNOWBALL, seeds ~ Poisson(exp(the sum below)).

    log rate = BASE + the author's reach + the topic's heat that day + hour + media + words + luck

Reach is Normal(0, 0.8): unknown to whoever sees the text alone, and shown by the author's profile through noise
(profiles.py). Luck is Normal(0, 0.5) and unknown to all. The rest shows in the text and the features. Who is liked is
shown to more people: hence the power, which leaves ones and zeros as they are. About half of the tweets get no like,
one in eight more than 10, one in fifty more than 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

BASE = -0.9
LUCK = 0.5
SNOWBALL = 1.8
WORDS = 1.25  # the effects in words.toml are scaled by this
WEEKEND = 0.15
PHOTO, VIDEO, LINK, QUOTE, MENTION, HASHTAG = 0.45, 0.7, -0.45, -0.25, -0.15, -0.08

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shown:
    """Hold what tweets carry beside their words; each of shape (tweets,)."""

    hour: Ints
    photos: Ints
    video: Ints
    link: Ints
    quote: Ints
    mentions: Ints
    hashtags: Ints


def draw_likes(
    draw: np.random.Generator, day: date, reach: Floats, heat: Floats, words: Floats, shown: Shown
) -> Ints:
    """Draw the like counts of some tweets of one day."""
    # Most people read in the evening (UTC 20), fewest in the small hours.
    hour = 0.4 * np.cos(2 * np.pi * (shown.hour - 20) / 24)
    media = (
        PHOTO * np.minimum(shown.photos, 1)
        + VIDEO * shown.video
        + LINK * shown.link
        + QUOTE * shown.quote
        + MENTION * shown.mentions
        + HASHTAG * shown.hashtags
    )
    weekend = WEEKEND if day.weekday() >= 5 else 0.0
    luck = draw.normal(0.0, LUCK, len(reach))
    seeds = draw.poisson(np.exp(BASE + reach + heat + hour + weekend + media + WORDS * words + luck))
    grown: Ints = np.rint(seeds**SNOWBALL).astype(np.int64)
    return grown
