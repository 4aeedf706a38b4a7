"""Restore the text as its author typed it: without what the site or the collecting tool added."""

from __future__ import annotations

import html
import re

from viral_common.tweets.text import clean

_BARE_PICTURE = re.compile(r"(?<!/)pic\.twitter\.com/")
_SITE_LINK = re.compile(r"(?:https?://(?:t\.co/\w+|twitter\.com/\w+/status/\S+)|pic\.twitter\.com/\w+)$")
_CUT_ADDRESS = re.compile(r"(https?://\S+)\xa0…?")
TWEET_ADDRESS = re.compile(r"https?://(?:\w+\.)?(?:twitter|x)\.com/\w+/status/\d+")
_ENTITY = re.compile(r"&#?\w+;")


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
