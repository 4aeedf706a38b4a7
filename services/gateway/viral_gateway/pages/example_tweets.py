"""Tweets to try with one click."""

from __future__ import annotations

from dataclasses import dataclass

from viral_gateway.pages.form import Form


@dataclass(frozen=True)
class ToTry:
    """An example and what its button says."""

    name: str
    form: Form


TO_TRY = (
    ToTry(
        "A launch",
        Form("Our new release is out: twice as fast, half the memory. What should we build next? #python"),
    ),
    ToTry("A question", Form("What is the one book that you wish you had read ten years earlier?")),
    ToTry(
        "Breaking news",
        Form("BREAKING: Oil prices jump 6% after talks on sanctions collapse https://example.com/oil-prices"),
    ),
    ToTry(
        "Holiday photos",
        Form("Sunrise over the lake this morning. No filter, no people, no phone 🌅", photos_count="3"),
    ),
    ToTry(
        "Many hashtags",
        Form(
            "Check out my new blog post! #marketing #growth #seo #startup #business https://example.com/blog"
        ),
    ),
    ToTry(
        "A thank you",
        Form("I passed my exam on the third try. Thank you to everyone who did not give up on me ❤️"),
    ),
)


def to_try(number: str) -> Form | None:
    """The example whose number a button sent."""
    return TO_TRY[int(number)].form if number in map(str, range(len(TO_TRY))) else None
