"""Forget tweets and authors on request: deleted now, and not collected again.

What is remembered of them is a hash each. Storing takes a shared lock and forgetting an exclusive one, so nothing that
was on its way while somebody was forgotten arrives after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, StreamCursor, StreamEngagement, StreamPost, Tweet

# Arbitrary, but fixed, and no other lock's.
LOCK = 7_201_735
EVERY_SOURCE = ""

Table = type[Tweet] | type[StreamPost]
Chosen = Callable[[Table], ColumnElement[bool]]


def forget_tweet(sessions: Sessions, external_id: str, source: str = EVERY_SOURCE) -> dict[str, int]:
    """Delete a tweet; return how many were deleted, by source. Again does nothing more."""
    return _forget(sessions, source, f"tweet {external_id}", lambda table: table.external_id == external_id)


def forget_author_id(sessions: Sessions, author_id: str, source: str = EVERY_SOURCE) -> dict[str, int]:
    """Delete all that there is of an author, whatever the name, as `forget_tweet` does."""
    return _forget(sessions, source, f"author {author_id}", lambda table: table.author_id == author_id)


def forget_author(sessions: Sessions, username: str, source: str = EVERY_SOURCE) -> dict[str, int]:
    """Delete all that there is of an author: by name in any case, and by the ids seen with that name.

    So another name does not bring the author back. Raises ValueError without a name, which many tweets lack.
    """
    if not username:
        raise ValueError("an author needs a name")
    with sessions.begin() as session:
        _lock(session)
        name = session.scalars(select(func.lower(username))).one()
        _remember(session, source, [f"name {name}"])
        return {one: _forget_in_source(session, one, name) for one in _list_sources(session, source)}


def wait_for_forgetting(session: Session) -> None:
    """Wait until nobody is being forgotten; from here to the end of the transaction nobody is."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": LOCK})


def leave_out_forgotten(session: Session, source: str) -> int:
    """Delete forgotten ones from the staged tweets; return how many there were."""
    gone: int = session.scalars(_LEAVE_OUT, {"source": source}).one()
    return gone


def drop_forgotten_posts(session: Session, source: str, ids: Sequence[str]) -> None:
    """Delete those among a stream's posts of these ids."""
    session.execute(_DROP_POSTS, {"source": source, "ids": list(ids)})


def _forget(sessions: Sessions, source: str, identity: str, chosen: Chosen) -> dict[str, int]:
    with sessions.begin() as session:
        _lock(session)
        _remember(session, source, [identity])
        return {one: _delete(session, one, chosen) for one in _list_sources(session, source)}


def _lock(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _list_sources(session: Session, source: str) -> list[str]:
    if source:
        return [source]
    return sorted(
        {*session.scalars(select(Batch.source).distinct()), *session.scalars(select(StreamCursor.source))}
    )


def _remember(session: Session, source: str, identities: Sequence[str]) -> None:
    session.execute(_REMEMBER, {"source": source, "identities": list(identities)})


def _forget_in_source(session: Session, source: str, name: str) -> int:
    ids: set[str] = set()
    for table in (Tweet, StreamPost):
        of_name = select(table.author_id).where(table.source == source, func.lower(table.username) == name)
        ids.update(session.scalars(of_name.distinct()))
    _remember(session, source, [f"author {one}" for one in sorted(ids)])
    return _delete(session, source, lambda table: table.author_id.in_(ids))


def _delete(session: Session, source: str, chosen: Chosen) -> int:
    """Delete tweets, posts of a stream that wait for a batch, and their likes; return how many tweets there were."""
    tweets = session.scalars(
        delete(Tweet).where(Tweet.source == source, chosen(Tweet)).returning(Tweet.external_id)
    ).all()
    posts = session.execute(
        delete(StreamPost)
        .where(StreamPost.source == source, chosen(StreamPost))
        .returning(StreamPost.external_id, StreamPost.post_key)
    ).all()
    keys = [post.post_key for post in posts]
    session.execute(delete(StreamEngagement).where(StreamEngagement.post_key.in_(keys)))
    return len({*tweets, *(post.external_id for post in posts)})


_REMEMBER = text(
    """
    INSERT INTO forgotten (source, digest)
    SELECT :source, sha256(convert_to(identity, 'UTF8')) FROM unnest(CAST(:identities AS text[])) AS identity
    ON CONFLICT DO NOTHING
    """
)

_DIGESTS = "(SELECT digest FROM forgotten WHERE source IN (:source, ''))"
# While nobody is forgotten, nobody's hashes are made.
_IS_FORGOTTEN = f"""
    EXISTS {_DIGESTS} AND (
        sha256(convert_to('tweet ' || external_id, 'UTF8')) IN {_DIGESTS}
        OR sha256(convert_to('author ' || author_id, 'UTF8')) IN {_DIGESTS}
        OR sha256(convert_to('name ' || lower(username), 'UTF8')) IN {_DIGESTS}
    )
"""
_LEAVE_OUT = text(
    f"WITH gone AS (DELETE FROM staged_tweets WHERE {_IS_FORGOTTEN} RETURNING 1) SELECT count(*) FROM gone"  # noqa: S608
)
_DROP_POSTS = text(
    f"DELETE FROM stream_posts p WHERE p.source = :source AND external_id = ANY(:ids) AND {_IS_FORGOTTEN}"  # noqa: S608
)
