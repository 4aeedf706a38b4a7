"""Rows that Twint wrote, in every vintage, as tweets.

The vintages differ in: lists as lists or as text ("['a']"), times as epoch milliseconds or as local time with a
local zone name, t.co links or whole addresses, `pic.twitter.com`, and which links of the site stand in the text.
"""

from __future__ import annotations

import ast
import html
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from viral_common.archive.bad_rows import BadRow
from viral_common.text import clean
from viral_common.tweets import RawTweet

# Since 2010-11-04 an id holds its tweet's time: https://github.com/twitter-archive/snowflake
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
FIRST_SNOWFLAKE = 29_700_859_247
FIRST_TWEET_MS = 1_142_899_200_000  # 2006-03-21
DAY_MS = 86_400_000
MOST = 2**53  # above this a count has been through a float, or is nonsense
LONGEST_TEXT = 25_000  # characters; X's own limit for long posts

_LINK = re.compile(r"https?://|(?<!/)pic\.twitter\.com/")
_SITE_LINK = re.compile(r"(?:https?://(?:t\.co/\w+|twitter\.com/\w+/status/\S+)|pic\.twitter\.com/\w+)$")
_CUT_ADDRESS = re.compile(r"(https?://\S+)\xa0…?")
_TWEET_ADDRESS = re.compile(r"https?://(?:\w+\.)?twitter\.com/\w+/status/\d+")
_ENTITY = re.compile(r"&#?\w+;")
_LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: (.*))?")


def tweet_of(row: Mapping[str, object]) -> RawTweet:
    """The tweet in a row of JSON or CSV. Raises BadRow with the reason."""
    external_id = _identity(row, "id")
    typed = _text(row, "tweet")
    photos = len(_list(row, "photos"))
    return RawTweet(
        external_id=str(external_id),
        posted_at=_posted_at(external_id, row),
        author_id=str(_identity(row, "user_id")),
        username=clean(_text(row, "username")),
        text=text_as_typed(typed, _list(row, "urls"), str(row.get("quote_url") or "")),
        language=_text(row, "language"),
        like_count=_count(row, "likes_count"),
        retweet_count=_count(row, "retweets_count"),
        reply_count=_count(row, "replies_count"),
        photos_count=photos,
        # Twint sets `video` for photos too.
        has_video=str(row.get("video")) in ("1", "True") and not photos,
        is_quote=bool(row.get("quote_url")),
        is_reply=str(_present(row, "conversation_id")) != str(external_id)
        or (typed.startswith("@") and bool(_list(row, "reply_to"))),
        is_retweet=str(row.get("retweet")) == "True" or typed.startswith("RT @"),
    )


def text_as_typed(text: str, urls: list[object], quote_url: str) -> str:
    """The text without what the site or Twint added: entities, cut addresses, links to own media and quoted tweet.

    `urls` lists the author's links and, in some vintages, the quoted tweet as the last one; never the link to the
    tweet's own media, which the site appends last. So a link at the end beyond `urls` is the media's, and one
    before it is the quoted tweet's if `urls` ends with the address of a tweet. (Holds for all but 1 in 1,000 tweets
    of the archives seen; those, with links run into the text, keep a link too many.)
    """
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if "\xa0" in text:
        text = _CUT_ADDRESS.sub(r"\1 ", text)
    text = text.strip()
    surplus = len(_LINK.findall(text)) - len(urls)
    if quote_url and urls and _TWEET_ADDRESS.match(str(urls[-1])):
        surplus += 1
    while surplus > 0 and (link := _SITE_LINK.search(text)):
        text = text[: link.start()].rstrip()
        surplus -= 1
    return clean(text)


def _posted_at(external_id: int, row: Mapping[str, object]) -> datetime:
    """The true time from the id; from `created_at`, which is local, only for ids older than snowflakes."""
    created_at = row.get("created_at")
    local = _epoch_ms(created_at, row.get("timezone")) if created_at not in (None, "") else None
    if external_id >= FIRST_SNOWFLAKE:
        milliseconds = (external_id >> 22) + SNOWFLAKE_EPOCH_MS
    elif local is None:
        raise BadRow("no usable time")
    else:
        milliseconds = local
    if not FIRST_TWEET_MS <= milliseconds <= time.time() * 1000 + DAY_MS:
        raise BadRow("impossible date")
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _epoch_ms(created_at: object, timezone: object) -> int | None:
    """None if the zone is known only by a local name. Raises BadRow for a time that cannot be."""
    if isinstance(created_at, int) and not isinstance(created_at, bool):
        return created_at
    if isinstance(created_at, str) and created_at.isdecimal() and len(created_at) < 16:
        return int(created_at)
    if not isinstance(created_at, str) or not (match := _LOCAL_TIME.fullmatch(created_at)):
        raise BadRow("impossible date")
    offset = "+0000" if match[2] in ("UTC", "GMT") else str(timezone or "")
    try:
        datetime.fromisoformat(match[1])
        if not re.fullmatch(r"[+-]\d{4}", offset):
            return None
        return int(datetime.fromisoformat(match[1] + offset).timestamp() * 1000)
    except ValueError as error:
        raise BadRow("impossible date") from error


def _present(row: Mapping[str, object], column: str) -> object:
    value = row.get(column)
    if value is None or value == "":
        raise BadRow(f"no {column}")
    return value


def _text(row: Mapping[str, object], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str):
        raise BadRow(f"no {column}" if value is None else f"{column} is no text")
    if len(value) > LONGEST_TEXT:
        raise BadRow(f"{column} longer than {LONGEST_TEXT} characters")
    return value


def _identity(row: Mapping[str, object], column: str) -> int:
    """Some vintages write ids as numbers, others as text."""
    value = _present(row, column)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRow(f"{column} is no whole number")
    if not 0 < value < 2**63:
        raise BadRow(f"{column} out of range")
    return value


def _count(row: Mapping[str, object], column: str) -> int:
    value = _present(row, column)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRow(f"{column} is no whole number")
    if not 0 <= value <= MOST:
        raise BadRow(f"{column} negative or absurd")
    return value


def _list(row: Mapping[str, object], column: str) -> list[object]:
    value = row.get(column)
    if isinstance(value, list):
        return value
    if value is None or value in ("", "[]"):
        return []
    try:
        parsed = ast.literal_eval(value) if isinstance(value, str) else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        parsed = None
    if not isinstance(parsed, list):
        raise BadRow(f"{column} is no list")
    return parsed
