"""Write a tweet as a row of COPY, with everything that follows from its text, and read it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, Self

from viral_common.tweets.features import count_signs
from viral_common.tweets.filters import ENGLISH, find_reason_against
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import choose_split, compute_hashes, mask_pieces, split_around_links
from viral_common.tweets.tweet import RawTweet

NULL = "\\N"
Number = int | str
"""A number when it is written, digits when a row is read."""


class CopyRow(NamedTuple):
    """Hold all of a tweet but its source and its batch, and its author's profile, as COPY's text format has them."""

    external_id: str
    near_hash: Number
    posted_at: str
    author_id: str
    username: str
    text: str
    language: str
    like_count: Number
    retweet_count: Number
    reply_count: Number
    photos_count: Number
    has_video: str
    hashtags_count: Number
    mentions_count: Number
    urls_count: Number
    word_count: Number
    is_quote: str
    counts_observed_at: str
    text_hash: Number
    split: str
    followers: str
    following: str
    posts: str
    favourites: str
    listed: str
    verified: str
    created_at: str
    read_at: str

    @classmethod
    def from_tweet(cls, tweet: RawTweet) -> Self:
        """Derive the counts, hashes and split from the text, in one pass over it."""
        pieces = split_around_links(tweet.text)
        links = len(pieces) - 1
        hashtags, mentions = count_signs(" ".join(pieces))
        masked = mask_pieces(pieces)
        words = masked.count(" ") + 1 if masked else 0
        # A link that stands alone is a masked word but no word.
        lone_links = sum([not piece or piece[-1].isspace() for piece in pieces[:-1]]) if links else 0
        text_hash, near_hash = compute_hashes(masked)
        observed = tweet.counts_observed_at
        strings: Sequence[str] = (
            tweet.external_id,
            tweet.author_id,
            tweet.username,
            tweet.text,
            tweet.language,
        )
        if not _is_plain("".join(strings)):
            strings = [_escape(value) for value in strings]
        external_id, author_id, username, text, language = strings
        return cls._make(
            (
                external_id,
                near_hash,
                tweet.posted_at.isoformat(),
                author_id,
                username,
                text,
                language or ENGLISH,
                tweet.like_count,
                tweet.retweet_count,
                tweet.reply_count,
                tweet.photos_count,
                "t" if tweet.has_video else "f",
                hashtags,
                mentions,
                links,
                words - lone_links,
                "t" if tweet.is_quote else "f",
                observed.isoformat() if observed else NULL,
                text_hash,
                choose_split(text_hash),
                *_encode_profile(tweet.profile),
            )
        )

    @classmethod
    def decode(cls, row: bytes) -> Self:
        """Read one row, with or without its line end."""
        return cls(*row.decode().rstrip("\n").split("\t"))

    def encode(self) -> bytes:
        """Write the row with its line end; a line break within a text is escaped, so each ends a row."""
        return (_LINE % self).encode()

    def to_tweet(self) -> RawTweet:
        """Build the tweet that was written; only originals are written."""
        observed = self.counts_observed_at
        return RawTweet(
            external_id=_unescape(self.external_id),
            posted_at=datetime.fromisoformat(self.posted_at),
            author_id=_unescape(self.author_id),
            username=_unescape(self.username),
            text=_unescape(self.text),
            language=_unescape(self.language),
            like_count=int(self.like_count),
            retweet_count=int(self.retweet_count),
            reply_count=int(self.reply_count),
            photos_count=int(self.photos_count),
            has_video=self.has_video == "t",
            is_quote=self.is_quote == "t",
            is_reply=False,
            is_retweet=False,
            counts_observed_at=None if observed == NULL else datetime.fromisoformat(observed),
            profile=self._decode_profile(),
        )

    def _decode_profile(self) -> AuthorProfile | None:
        values = zip(_PARSERS, self[-len(PROFILE) :], strict=True)
        profile = AuthorProfile(*(None if value == NULL else parse(str(value)) for parse, value in values))
        return profile if profile.count_parts() else None


def _encode_profile(profile: AuthorProfile | None) -> Sequence[str]:
    if profile is None:
        return _NO_PROFILE
    return [NULL if value is None else str(value) for value in _take_parts(profile)]


# The author's: a table of its own.
PROFILE = tuple(one.name for one in fields(AuthorProfile))
_take_parts = attrgetter(*PROFILE)
_READ_TIME = datetime.fromisoformat
_PARSERS: Sequence[Callable[[str], Any]] = (*[int] * 5, str(True).__eq__, _READ_TIME, _READ_TIME)
_NO_PROFILE = (NULL,) * len(PROFILE)
TWEET = tuple(name for name in CopyRow._fields if name not in PROFILE)
_LINE = "\t".join(["%s"] * len(CopyRow._fields)) + "\n"
_PLACES = {name: place for place, name in enumerate(CopyRow._fields)}


def read_field(row: bytes, column: str) -> bytes:
    """Read one column of a written row without decoding the others."""
    place = _PLACES[column]
    return row.split(b"\t", place + 1)[place]


@dataclass(frozen=True)
class PreparedTweets:
    """Hold an interval's tweets: those to keep as COPY rows, the others counted by reason."""

    rows: bytes = b""
    count: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    def read_times(self) -> Iterator[datetime]:
        """Read when each tweet was posted."""
        for row in self.rows.splitlines():
            yield datetime.fromisoformat(read_field(row, "posted_at").decode())


def prepare(tweets: Iterable[RawTweet]) -> PreparedTweets:
    """Filter tweets and encode what passes; of a tweet that comes several times the one with the most likes."""
    left_out: Counter[str] = Counter()
    kept: dict[str, RawTweet] = {}
    for tweet in tweets:
        if reason := find_reason_against(tweet):
            left_out[reason] += 1
            continue
        known = kept.setdefault(tweet.external_id, tweet)
        if known is not tweet:
            left_out["duplicate"] += 1
            if tweet.like_count > known.like_count:
                kept[tweet.external_id] = tweet
    rows = b"".join(CopyRow.from_tweet(tweet).encode() for tweet in kept.values())
    return PreparedTweets(rows, len(kept), left_out)


def _is_plain(value: str) -> bool:
    """Tell whether nothing in it means something to COPY."""
    return value.isprintable() and "\\" not in value


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _unescape(value: str) -> str:
    if "\\" not in value:
        return value
    parts = (
        part.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t") for part in value.split("\\\\")
    )
    return "\\".join(parts)
