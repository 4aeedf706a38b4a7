"""Hide parts of what is known of tweets, so that one model learns to answer whatever is known."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.features import (
    FEATURES,
    HISTORY_FEATURES,
    PROFILE_FEATURES,
    TWEET_FEATURES,
    TweetInput,
    compute_feature_matrix,
)


class View(IntEnum):
    """Name what is shown of an author, as far as it is known."""

    KNOWN = 0
    PROFILE = 1
    FOLLOWERS = 2
    HISTORY = 3
    NOTHING = 4


class ScoredView(NamedTuple):
    """Name a state in which a model is validated."""

    suffix: str  # of its scores
    view: View
    content: bool = True


VIEWS = (
    ScoredView("", View.KNOWN),
    ScoredView("unknown_author", View.NOTHING),
    ScoredView("followers_only", View.FOLLOWERS),
    ScoredView("usual", View.KNOWN, content=False),
)


def _find_columns(names: tuple[str, ...]) -> NDArray[np.intp]:
    return np.array([FEATURES.index(name) for name in names])


CONTENT, HISTORY, PROFILE = map(_find_columns, (TWEET_FEATURES, HISTORY_FEATURES, PROFILE_FEATURES))
PROFILE_KNOWN, FOLLOWERS = _find_columns(("profile_known", "author_followers"))
NOBODY = compute_feature_matrix([TweetInput("", datetime(2026, 1, 1, tzinfo=UTC), content_known=False)])[0]


def draw_hiding_views(rng: np.random.Generator, count: int) -> NDArray[np.intp]:
    """Draw a view for each of `count` tweets that hides something: two in five hide all, the others leave a part."""
    return rng.choice(len(View), count, p=[0.0, 0.2, 0.2, 0.2, 0.4])


def hide_parts(
    features: NDArray[np.float32], views: NDArray[np.intp] | View, content: NDArray[np.bool_] | bool = True
) -> NDArray[np.float32]:
    """Copy unscaled features, (n, features), with what these views do not show unknown; `content`: is it shown."""
    views, content = (np.broadcast_to(np.asarray(one), len(features)) for one in (views, content))
    shown = features.copy()
    followers = features[:, FOLLOWERS]
    _hide(shown, ~content, CONTENT)
    _hide(shown, np.isin(views, (View.PROFILE, View.FOLLOWERS, View.NOTHING)), HISTORY)
    _hide(shown, np.isin(views, (View.FOLLOWERS, View.HISTORY, View.NOTHING)), PROFILE)
    only = (views == View.FOLLOWERS) & np.isfinite(followers)
    shown[only, FOLLOWERS] = followers[only]
    shown[only, PROFILE_KNOWN] = 1.0
    return shown


def _hide(shown: NDArray[np.float32], rows: NDArray[np.bool_], columns: NDArray[np.intp]) -> None:
    shown[np.ix_(rows, columns)] = NOBODY[columns]
