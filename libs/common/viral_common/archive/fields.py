"""Check a row's fields and restore its text as it was typed; what is unfit makes the row a bad one."""

from __future__ import annotations

import ast
import html
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from viral_common.archive.bad_rows import BadRow
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import clean

# Since 2010-11-04 an id holds its tweet's time: https://github.com/twitter-archive/snowflake
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
FIRST_SNOWFLAKE = 29_700_859_247
FIRST_TWEET_MS = 1_142_899_200_000  # 2006-03-21
DAY_MS = 86_400_000
EPOCH = datetime.fromtimestamp(0, UTC)
MOST = 2**53  # above this a count has been through a float, or is nonsense
LONGEST_TEXT = 25_000  # characters; X's own limit for long posts
# Of an author's profile, but `verified`, which all call so.
PAGE_PARTS = ("followers", "following", "posts", "favourites", "listed", "created_at")

# Links that the site or the collecting tool added, and what they cut or escaped.
_BARE_PICTURE = re.compile(r"(?<!/)pic\.twitter\.com/")
_SITE_LINK = re.compile(r"(?:https?://(?:t\.co/\w+|twitter\.com/\w+/status/\S+)|pic\.twitter\.com/\w+)$")
_CUT_ADDRESS = re.compile(r"(https?://\S+)\xa0…?")
TWEET_ADDRESS = re.compile(r"https?://(?:\w+\.)?(?:twitter|x)\.com/\w+/status/\d+")
_ENTITY = re.compile(r"&#?\w+;")


def require(value: object, name: str) -> object:
    """Get a field that is neither missing nor empty."""
    if value is None or value == "":
        raise BadRow(f"no {name}")
    return value


def get_text(value: object, name: str) -> str:
    """Get a string no longer than a tweet can be; it may be empty."""
    if type(value) is str and len(value) <= LONGEST_TEXT:
        return value
    if isinstance(value, str):
        raise BadRow(f"{name} longer than {LONGEST_TEXT} characters")
    raise BadRow(f"no {name}" if value is None else f"{name} is no text")


def get_optional_text(value: object, name: str) -> str:
    """Get a string, cleaned; empty if it is missing."""
    return "" if value is None else clean(get_text(value, name))


def get_identity(value: object, name: str) -> int:
    """Get an id; some files write them as numbers, others as text."""
    if type(value) is not int:
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
            value = int(value)
        else:
            require(value, name)
            raise BadRow(f"{name} is no whole number")
    if not 0 < value < 2**63:
        raise BadRow(f"{name} out of range")
    return value


def get_count(value: object, name: str) -> int:
    """Get a count of likes, replies or retweets."""
    if type(value) is not int:
        require(value, name)
        raise BadRow(f"{name} is no whole number")
    if not 0 <= value <= MOST:
        raise BadRow(f"{name} negative or absurd")
    return value


def get_list(value: object, name: str) -> list[object]:
    """Get a list, or one written as text: "['a', 'b']"; some tools write an empty one as an empty object."""
    if type(value) is list:
        return value
    if value is None or value in ("", "[]", {}):
        return []
    try:
        # A long one takes two hundred times its length.
        is_short = isinstance(value, str) and len(value) <= LONGEST_TEXT
        parsed = ast.literal_eval(str(value)) if is_short else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        parsed = None
    if not isinstance(parsed, list):
        raise BadRow(f"{name} is no list")
    return parsed


def get_object(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Get a field that is an object; an empty one if it is missing."""
    value = row.get(name)
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise BadRow(f"{name} is no object")


def parse_iso_time(value: object, name: str) -> datetime:
    """Read `2021-02-27T21:00:27+00:00`, `…Z` or a time already read; one without a zone is UTC."""
    try:
        return value if isinstance(value, datetime) else datetime.fromisoformat(str(require(value, name)))
    except ValueError as error:
        raise BadRow("impossible date") from error


def read_profile(
    page: Mapping[str, Any],
    names: Sequence[str | None],
    refuse: Callable[[str], None],
    read_at: datetime | None = None,
    parse_time: Callable[[object, str], datetime] = parse_iso_time,
) -> AuthorProfile | None:
    """Read an author's profile; the page calls PAGE_PARTS by `names`, and a time without a zone is UTC."""
    values = {part: name and page.get(name) for part, name in zip(PAGE_PARTS, names, strict=True)}
    if (made_at := values.pop("created_at")) is not None:
        try:
            made_at = parse_time(made_at, "time")
            made_at = made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC)
        except BadRow as error:
            refuse(f"author's account with {error}")
            made_at = None
    return AuthorProfile.from_values(
        read_at=read_at, refuse=refuse, created_at=made_at, verified=page.get("verified"), **values
    )


def find_posted_at(external_id: int, written: datetime | int | None) -> datetime:
    """Find the true time, from the id; from what is written (or milliseconds) only for ids older than snowflakes."""
    if external_id >= FIRST_SNOWFLAKE:
        milliseconds = (external_id >> 22) + SNOWFLAKE_EPOCH_MS
    elif written is None:
        raise BadRow("no usable time")
    else:
        milliseconds = written if isinstance(written, int) else _count_ms_since_1970(written)
    if not FIRST_TWEET_MS <= milliseconds <= time.time() * 1000 + DAY_MS:
        raise BadRow("impossible date")
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _count_ms_since_1970(moment: datetime) -> int:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def restore_typed_text(text: str, urls: list[object], quoted: bool) -> str:
    """Strip the text of entities, cut addresses, links to own media and to the quoted tweet.

    `urls` lists the author's links and, in some vintages, the quoted tweet as the last one; never the link to the
    tweet's own media, which the site appends last. So a link at the end beyond `urls` is the media's, and one
    before it is the quoted tweet's if `urls` ends with the address of a tweet. (Holds for all but 1 in 1,000 tweets
    of the archives seen; those, with links run into the text, keep a link too many.)
    """
    text = unescape(text)
    if "\xa0" in text:
        text = _CUT_ADDRESS.sub(r"\1 ", text)
    text = text.strip()
    surplus = text.count("http://") + text.count("https://") - len(urls)
    if "pic.twitter.com/" in text:
        surplus += len(_BARE_PICTURE.findall(text))
    if quoted and urls and TWEET_ADDRESS.match(str(urls[-1])):
        surplus += 1
    return strip_last_links(text, surplus) if surplus > 0 else clean(text)


def strip_last_links(text: str, surplus: int) -> str:
    """Strip the text of so many of the site's links at its end, if they are there."""
    while surplus > 0:
        # A link holds no space, so the search may begin at the last word.
        start = max(text.rfind(" "), text.rfind("\n")) + 1
        if not (link := _SITE_LINK.search(text, start)):
            break
        text = text[: link.start()].rstrip()
        surplus -= 1
    return clean(text)


def unescape(text: str) -> str:
    """Replace `&amp;` and the like by characters."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text
