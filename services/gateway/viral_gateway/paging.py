"""How long lists are asked for piece by piece."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most", examples=[20])]
Offset = Annotated[
    int, Query(ge=0, le=1_000_000, description="How many of the newest to leave out", examples=[0])
]
