"""The language of a text whose source does not tell it, by py3langid: its model comes with the package."""

from __future__ import annotations

from viral_common.text import MENTION, around_links


def is_english(text: str) -> bool:
    """True if English is the likeliest of 140 languages. The first call reads the model."""
    # Imported here: the model takes 100 MB and most of a second, which only sources without languages should cost.
    import py3langid

    return str(py3langid.classify(MENTION.sub("", " ".join(around_links(text))))[0]) == "en"
