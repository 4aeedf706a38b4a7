"""Delete the profiles of authors of whom nothing else is left."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.orm import Session


def delete_orphaned_profiles(session: Session, source: str, author_ids: Iterable[str]) -> int:
    """Delete those of these authors who have neither a tweet nor a waiting post; return how many there were.

    To be called when tweets were deleted: a profile bears no name, so it must not outlive what tells whose it is.
    """
    return len(session.scalars(_DELETE, {"source": source, "ids": list(author_ids)}).all())


_DELETE = text(
    """
    DELETE FROM author_profiles p
    WHERE p.source = :source AND p.author_id = ANY(:ids)
        AND NOT EXISTS (SELECT FROM tweets t WHERE t.source = p.source AND t.author_id = p.author_id)
        AND NOT EXISTS (SELECT FROM stream_posts s WHERE s.source = p.source AND s.author_id = p.author_id)
    RETURNING 1
    """
)
