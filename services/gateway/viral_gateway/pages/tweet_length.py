"""Count a tweet's length as twitter-text does (configuration v3). The page counts by these RULES in JavaScript."""

from __future__ import annotations

import unicodedata
from typing import Final, TypedDict

import regex


class Rules(TypedDict):
    """What counting needs. The patterns mean the same to Python's `regex` and to a RegExp with the flags giu."""

    most: int
    link_weight: int
    emoji_weight: int
    light: list[tuple[int, int]]
    link: str
    emoji: str


# twitter-text lists every top-level domain. Here a bare address ends in a country's or in one of the usual ones, and
# after https:// any will do.
_USUAL = (
    "com|net|org|edu|gov|mil|int|info|biz|name|pro|mobi|asia|app|dev|blog|shop|store|online|site|tech|xyz|club|news|live|"
    "top|cloud|media|agency|world|today|design|studio|digital|social|page|wiki|space|website|art|link|email"
)
_COUNTRY = (
    "a[c-gilmoq-uwxz]|b[abd-jmnorstvwyz]|c[acdf-ik-oru-z]|d[ejkmoz]|e[cegrstu]|f[ijkmor]|g[abd-ilmnp-uwy]|h[kmnrtu]|"
    "i[del-oq-t]|j[emop]|k[eghimnprwyz]|l[abcikr-vy]|m[acdeghk-z]|n[acefgilopruz]|om|p[ae-hk-nrstwy]|qa|r[eosuw]|"
    "s[a-eg-ortvx-z]|t[cdfghj-ortvwz]|u[agksyz]|v[aceginu]|w[fs]|y[et]|z[amw]"
)
_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{N}_\-]*[\p{L}\p{N}])?\."
_BARE_LABEL = r"[a-z0-9](?:[a-z0-9_\-]*[a-z0-9])?\."
_PATH = r"\p{Script=Latin}\p{Script=Cyrillic}0-9\-–_!*';:=+,.$/%#\[\]~@|&"
_PATH_END = r"\p{Script=Latin}\p{Script=Cyrillic}0-9\-_=+#/"
_LINK = (
    rf"(?<![a-z0-9@＠$#＃])(?:https?://(?:{_LABEL})+\p{{L}}{{2,}}|"
    rf"(?<![\-_./])(?:{_BARE_LABEL})+(?:{_USUAL}|{_COUNTRY}))(?![a-z0-9@+\-])"
    rf"(?::[0-9]+)?(?:/(?:(?:[{_PATH}]|\([{_PATH}]+\))*(?:[{_PATH_END}]|\([{_PATH}]+\)))?)?"
    r"(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])?"
)
_SKIN = "[\U0001f3fb-\U0001f3ff]"
_PICTURE = rf"(?:\p{{Emoji_Modifier_Base}}\uFE0F?{_SKIN}|\p{{Extended_Pictographic}}\uFE0F?)"
_EMOJI = (
    r"[0-9#*]\uFE0F?\u20E3|\p{Regional_Indicator}{2}|"
    "\U0001f3f4[\U000e0061-\U000e007a]+\U000e007f|"
    # Bare © and ® are letters.
    rf"(?![©®](?!\uFE0F)){_PICTURE}(?:\u200D{_PICTURE})*"
)
RULES: Final = Rules(
    most=280,
    link_weight=23,
    emoji_weight=2,
    light=[(0, 4351), (8192, 8205), (8208, 8223), (8242, 8247)],
    link=_LINK,
    emoji=_EMOJI,
)
_link, _emoji = (regex.compile(RULES[name], regex.IGNORECASE) for name in ("link", "emoji"))


def compute_tweet_length(text: str) -> int:
    """Weigh a character of most scripts 1 and of the others 2, an emoji 2 however it is composed, a link 23."""
    between_links = _link.split(unicodedata.normalize("NFC", text))
    return RULES["link_weight"] * (len(between_links) - 1) + sum(map(_weigh_text, between_links))


def _weigh_text(text: str) -> int:
    between_emoji = _emoji.split(text)
    letters = sum(1 if _is_light(ord(letter)) else 2 for piece in between_emoji for letter in piece)
    return RULES["emoji_weight"] * (len(between_emoji) - 1) + letters


def _is_light(code: int) -> bool:
    return any(first <= code <= last for first, last in RULES["light"])
