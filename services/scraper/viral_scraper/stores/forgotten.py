"""Forget tweets and authors on request: deleted now, with authors' profiles, and not collected again.

What is remembered of them is a keyed hash each: names can be guessed, so whoever has the tables but not the
deployment's key cannot tell whose it is. The key never goes to Postgres. Storing takes a shared lock and forgetting an
exclusive one, so nothing that was on its way while somebody was forgotten arrives after.
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
from pydantic import SecretStr
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, Forgotten, StreamCursor, StreamEngagement, StreamPost, Tweet
from viral_common.errors import UsageError
from viral_common.stores.audit import record_act

log = structlog.get_logger()

# Arbitrary, but fixed, and no other lock's.
LOCK = 7_201_735
EVERY_SOURCE = ""
# Remembered beside the names, so that another key, which would find nobody, is noticed.
KEY_CHECK = "key"

Column = Literal["external_id", "author_id"]


@dataclass(frozen=True)
class ForgottenNames:
    """Remember identities by their HMAC-SHA256, and delete tweets of theirs that come again."""

    key: SecretStr | None = None

    def remember(self, session: Session, source: str, identities: Iterable[str]) -> None:
        """Remember them. Raises UsageError without a key, or with another than the others'."""
        if self.key is None:
            raise UsageError(
                "VIRAL_FORGET_KEY is not set: make one with `openssl rand -hex 32`, and give it to every scraper, too"
            )
        self.is_anybody_forgotten(session)
        rows = [{"source": source, "digest": self.hash_identity(identity)} for identity in identities]
        rows.append({"source": EVERY_SOURCE, "digest": self.hash_identity(KEY_CHECK)})
        session.execute(insert(Forgotten).on_conflict_do_nothing(), rows)

    def is_anybody_forgotten(self, session: Session) -> bool:
        """Tell whether anybody is. Raises UsageError if so, and this is not the key to tell whom."""
        check = self.hash_identity(KEY_CHECK) if self.key else b""
        anybody, is_known = session.execute(_CHECK_KEY, {"check": check}).one()
        if anybody and not is_known:
            wrong = "is not the one" if self.key else "is not set, the one"
            raise UsageError(
                f"VIRAL_FORGET_KEY {wrong} that names were forgotten with: without it their tweets would come back"
            )
        return bool(anybody)

    def delete_from_staged(self, session: Session, source: str) -> int:
        """Delete forgotten ones from the staged tweets; return how many there were."""
        return self._delete_from(session, source, "staged_tweets WHERE true", {})

    def delete_from_posts(self, session: Session, source: str, ids: Sequence[str]) -> int:
        """Delete those among a stream's posts of these ids; return how many there were."""
        wanted = "stream_posts WHERE source = :source AND external_id = ANY(:ids)"
        return self._delete_from(session, source, wanted, {"source": source, "ids": list(ids)})

    def _delete_from(self, session: Session, source: str, wanted: str, values: Mapping[str, object]) -> int:
        if not self.is_anybody_forgotten(session):
            return 0  # and nobody's hashes are made
        ids: dict[str, list[str]] = defaultdict(list)
        query = f"SELECT DISTINCT external_id, author_id, lower(username) FROM {wanted}"  # noqa: S608
        for external_id, author_id, name in session.execute(text(query), values):
            for identity in (f"tweet {external_id}", f"author {author_id}", f"name {name}"):
                ids[self.hash_identity(identity).hex()].append(external_id)
        found = session.scalars(_FIND_FORGOTTEN, {"source": source, "digests": ",".join(ids)})
        gone = {external_id for digest in found for external_id in ids[digest]}
        drop = f"DELETE FROM {wanted} AND external_id = ANY(:gone) RETURNING 1"  # noqa: S608
        return len(session.execute(text(drop), {**values, "gone": list(gone)}).all()) if gone else 0

    def hash_identity(self, identity: str) -> bytes:
        """Hash it with the deployment's key."""
        key = self.key.get_secret_value() if self.key else ""
        return hmac.digest(key.encode(), identity.encode(), "sha256")


@dataclass(frozen=True)
class Forgetter:
    """Delete tweets of a source, or of every one, and remember whose. Again does nothing more."""

    sessions: Sessions
    names: ForgottenNames
    reason: str = ""
    """Why, for the audit."""

    def forget_tweet(self, external_id: str, source: str = EVERY_SOURCE) -> dict[str, int]:
        """Delete a tweet; return how many were deleted, by source."""
        return self._forget(source, f"tweet {external_id}", "external_id", external_id)

    def forget_author_id(self, author_id: str, source: str = EVERY_SOURCE) -> dict[str, int]:
        """Delete all that there is of an author, whatever the name, as `forget_tweet` does."""
        return self._forget(source, f"author {author_id}", "author_id", author_id)

    def forget_author(self, username: str, source: str = EVERY_SOURCE) -> dict[str, int]:
        """Delete all that there is of an author: by name in any case, and by the ids seen with that name.

        So another name does not bring the author back. Raises ValueError without a name, which many tweets lack.
        """
        if not username:
            raise ValueError("an author needs a name")
        with self.sessions.begin() as session:
            _lock(session)
            name = session.scalars(select(func.lower(username))).one()
            self.names.remember(session, source, [f"name {name}"])
            deleted = {one: self._forget_name(session, one, name) for one in _list_sources(session, source)}
            self._record(session, f"name {name}", deleted)
        self._clear_deleted()
        return deleted

    def _forget(self, source: str, identity: str, column: Column, value: str) -> dict[str, int]:
        with self.sessions.begin() as session:
            _lock(session)
            self.names.remember(session, source, [identity])
            deleted = {one: _delete(session, one, column, [value]) for one in _list_sources(session, source)}
            self._record(session, identity, deleted)
        self._clear_deleted()
        return deleted

    def _forget_name(self, session: Session, source: str, name: str) -> int:
        ids: set[str] = set()
        for table in (Tweet, StreamPost):
            of_name = select(table.author_id).where(
                table.source == source, func.lower(table.username) == name
            )
            ids.update(session.scalars(of_name.distinct()))
        self.names.remember(session, source, [f"author {one}" for one in sorted(ids)])
        return _delete(session, source, "author_id", ids)

    def _record(self, session: Session, identity: str, deleted: Mapping[str, int]) -> None:
        """Record in the audit that somebody was forgotten, by the keyed hash alone."""
        subject = f"{identity.partition(' ')[0]} {self.names.hash_identity(identity).hex()}"
        record_act(session, "forget", subject, after={"tweets": deleted}, reason=self.reason)

    def _clear_deleted(self) -> None:
        """Clear rows that are deleted, in tables and indexes; no transaction may do it. Untouched pages are skipped."""
        with self.sessions() as session:
            connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            connection.execute(_VACUUM)
            notices = getattr(connection.connection.driver_connection, "notices", [])
        if any("permission denied to vacuum" in notice for notice in notices):
            # Before 17 Postgres has no right to it that could be granted.
            log.warning(
                "deleted rows wait for autovacuum, or as the role viral for: "
                "VACUUM tweets, author_profiles, stream_posts"
            )


def wait_for_forgetting(session: Session) -> None:
    """Wait until nobody is being forgotten; from here to the end of the transaction nobody is."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": LOCK})


def _lock(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _list_sources(session: Session, source: str) -> list[str]:
    if source:
        return [source]
    return sorted(
        {*session.scalars(select(Batch.source).distinct()), *session.scalars(select(StreamCursor.source))}
    )


def _delete(session: Session, source: str, column: Column, values: Collection[str]) -> int:
    """Delete tweets, posts of a stream that wait for a batch, and their likes; return how many tweets there were."""
    tweets = session.execute(
        delete(Tweet)
        .where(Tweet.source == source, getattr(Tweet, column).in_(values))
        .returning(Tweet.external_id, Tweet.author_id)
    ).all()
    posts = session.execute(
        delete(StreamPost)
        .where(StreamPost.source == source, getattr(StreamPost, column).in_(values))
        .returning(StreamPost.external_id, StreamPost.author_id, StreamPost.post_key)
    ).all()
    keys = [post.post_key for post in posts]
    session.execute(delete(StreamEngagement).where(StreamEngagement.post_key.in_(keys)))
    authors = {one.author_id for one in (*tweets, *posts)}
    delete_orphaned_profiles(session, source, authors.union(values if column == "author_id" else ()))
    return len({one.external_id for one in (*tweets, *posts)})


def delete_orphaned_profiles(session: Session, source: str, author_ids: Iterable[str]) -> None:
    """Delete profiles of those authors of whom neither a tweet nor a post is left to tell whose they are."""
    if ids := list(author_ids):  # else not even planned: that takes longer than running it
        session.execute(_DELETE_ORPHANED, {"source": source, "ids": ids})


_CHECK_KEY = text(
    """
    SELECT EXISTS (SELECT FROM forgotten),
        EXISTS (SELECT FROM forgotten WHERE source = '' AND digest = :check)
    """
)
# As one text: a list of some ten thousand is slow to read for Postgres.
_FIND_FORGOTTEN = text(
    """
    SELECT DISTINCT encode(digest, 'hex') FROM forgotten
    WHERE source IN (:source, '')
        AND digest IN (SELECT decode(hex, 'hex') FROM unnest(string_to_array(:digests, ',')) AS hex)
    """
)
# Few dead rows leave their index entries, which hold names, unless asked.
_VACUUM = text("VACUUM (INDEX_CLEANUP ON) tweets, author_profiles, stream_posts, stream_engagements")
_DELETE_ORPHANED = text(
    """
    DELETE FROM author_profiles p WHERE p.source = :source AND p.author_id = ANY(:ids)
        AND NOT EXISTS (SELECT FROM tweets t WHERE t.source = p.source AND t.author_id = p.author_id)
        AND NOT EXISTS (SELECT FROM stream_posts s WHERE s.source = p.source AND s.author_id = p.author_id)
    """
)
