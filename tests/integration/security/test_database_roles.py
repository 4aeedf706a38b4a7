"""What each role of Postgres is refused, tried for real, and that it can do its own work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from viral_common.addresses import Account, replace_account
from viral_common.database.engine import Sessions, connect_to
from viral_common.database.tables import Batch, InboxEvent, OutboxMessage, Verdict
from viral_common.delivery import outbox
from viral_common.events import wrap_event
from viral_local.prepare.secret_files import DATABASE

from tests.integration.delivery.example_events import make_batch_collected
from tests.servers import Servers
from tests.unit.evaluator.fakes import make_training

SERVICES = ("scraper", "trainer", "evaluator", "gateway")
EVERYBODY = (*SERVICES, "operator")
Connect = Callable[[str], Connection]


@pytest.fixture
def connect_as(servers: Servers, database_url: str) -> Iterator[Connect]:
    """Connections to the test's database, as any role."""
    engines = []

    def connect(role: str) -> Connection:
        account = Account(role, servers.secrets.read(role, DATABASE))
        engines.append(
            connect_to(replace_account(database_url, account, f"/{database_url.rpartition('/')[2]}"))
        )
        return engines[-1].connect()

    yield connect
    for engine in engines:
        engine.dispose()


@pytest.fixture
def batch(db: Sessions) -> UUID:
    """A batch that was trained on and judged; its event waits to be published."""
    with db.begin() as session:
        session.add(batch := make_batch())
        session.flush()
        session.add(make_training(batch.id, 1))
        session.add(
            Verdict(event_id=uuid4(), id=uuid4(), batch_id=batch.id, outcome="kept", rule="x", reason="x")
        )
        session.execute(
            text("INSERT INTO spending (source, month) VALUES ('x', '2026-01-01')"),
        )
        outbox.add_event(session, "scraper", wrap_event(make_batch_collected(), "viral/scraper/host"))
        return batch.id


def make_batch() -> Batch:
    event = make_batch_collected()
    return Batch(
        id=event.batch_id,
        source="archive",
        query="oil",
        window_from=event.window_from,
        window_to=event.window_to,
        target=100,
        tweet_count=100,
        collected_at=event.window_to,
    )


def expect_refusal(connection: Connection, statement: str, **values: object) -> str:
    """Postgres' words; the test fails if it obeys."""
    with connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(statement), values)
    assert refused.value.orig is not None
    return str(refused.value.orig)


def is_allowed(connection: Connection, statement: str) -> bool:
    """Whether the role has the right; that a row is not whole, or that others refer to it, is no refusal."""
    with connection:
        try:
            connection.execute(text(statement))
        except IntegrityError:
            return True
        except ProgrammingError as error:
            if "permission denied" not in str(error.orig):
                raise
            return False
    return True


# Nobody may, the operator included.
FORBIDDEN_TO_ALL = {
    "rewrite a verdict": "UPDATE verdicts SET outcome = 'promoted'",
    "rewrite a promotion": "UPDATE promotions SET artifact_sha256 = 'x'",
    "take a promotion back": "DELETE FROM promotions",
    "rewrite a training": "UPDATE trainings SET artifact_uri = 'x'",
    "empty the verdicts": "TRUNCATE verdicts",
    "switch the triggers off": "ALTER TABLE verdicts DISABLE TRIGGER ALL",
    "step around them": "SET session_replication_role = replica",
    "drop a table": "DROP TABLE predictions",
    "read passwords": "SELECT rolpassword FROM pg_authid",
    "make a superuser": "ALTER ROLE CURRENT_USER SUPERUSER",
    "become the owner": "SET ROLE viral",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "write a file": "COPY (SELECT 1) TO '/tmp/viral-written'",
    "read a file": "SELECT pg_read_file('postgresql.conf')",
    "make a function": "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "make a table": "CREATE TABLE public.shadow (i int)",
    "end others' connections": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'viral'",
    "change the audit": "UPDATE audit SET person = 'somebody else'",
}


@pytest.mark.parametrize("role", EVERYBODY)
def test_what_nobody_may_is_refused(connect_as: Connect, batch: UUID, role: str) -> None:
    obeyed = []
    for what, statement in FORBIDDEN_TO_ALL.items():
        with connect_as(role) as connection:
            try:
                connection.execute(text(statement))
            except DBAPIError:
                continue
            obeyed.append(what)

    assert obeyed == []


MINE = {
    "promote": ("INSERT INTO promotions (event_id) VALUES (gen_random_uuid())", {"evaluator", "operator"}),
    "train": ("INSERT INTO trainings (event_id) VALUES (gen_random_uuid())", {"trainer", "operator"}),
    "delete a batch": ("DELETE FROM batches", {"scraper", "operator"}),
    "change a batch's counts": ("UPDATE batches SET tweet_count = 0", {"scraper", "operator"}),
    "store tweets": ("DELETE FROM tweets", {"scraper", "operator"}),
    "read likes": ("SELECT like_count FROM tweets", {"scraper", "trainer", "evaluator", "operator"}),
    "read who wrote": ("SELECT author_id FROM tweets", {"scraper", "trainer", "evaluator", "operator"}),
    "read profiles": ("SELECT * FROM author_profiles", {"scraper", "trainer", "evaluator", "operator"}),
    "store profiles": ("DELETE FROM author_profiles", {"scraper", "operator"}),
    "read who is forgotten": ("SELECT * FROM forgotten", {"scraper", "operator"}),
    "spend": ("UPDATE spending SET usd = 0", {"scraper", "operator"}),
    "read what was predicted": ("SELECT * FROM predictions", {"gateway", "operator"}),
    "change candidates": ("UPDATE candidates SET artifact_sha256 = 'x'", {"trainer", "operator"}),
    "drop a month of tweets": ("SELECT drop_tweets_month('2026-01-01', now())", {"scraper", "operator"}),
    "look authors up": (
        "SELECT * FROM find_authors('x', '{}', '{}', 0, '0', '0')",
        {"trainer", "evaluator", "gateway", "operator"},
    ),
}


@pytest.mark.parametrize("what", MINE)
def test_who_may_and_who_may_not(connect_as: Connect, batch: UUID, what: str) -> None:
    statement, may = MINE[what]
    allowed = {role for role in EVERYBODY if is_allowed(connect_as(role), statement)}

    assert allowed == may


@pytest.mark.parametrize("role", SERVICES)
def test_nobody_speaks_through_anothers_relay(connect_as: Connect, batch: UUID, role: str) -> None:
    forged = (
        "INSERT INTO outbox (message_id, service, exchange, routing_key, body) "
        "VALUES ('forged', :service, 'viral.events', 'model.promoted', '')"
    )
    for other in {*SERVICES} - {role}:
        assert "row-level security" in expect_refusal(connect_as(role), forged, service=other)
    with connect_as(role) as connection:
        seen = connection.scalars(text("SELECT DISTINCT service FROM outbox")).all()
        changed = connection.execute(text("UPDATE outbox SET body = '' WHERE service = 'scraper'")).rowcount
        own = connection.execute(text(forged), {"service": role}).rowcount

    assert (seen, changed) == ((["scraper"], 1) if role == "scraper" else ([], 0))
    assert own == 1


@pytest.mark.parametrize(("role", "other"), [("trainer", "evaluator"), ("evaluator", "trainer")])
def test_nobody_works_off_anothers_inbox(connect_as: Connect, db: Sessions, role: str, other: str) -> None:
    event = {"type": "x", "batch_id": uuid4(), "body": b""}
    with db.begin() as session:
        session.add_all(InboxEvent(service=one, event_id=uuid4(), **event) for one in (role, other))

    with connect_as(role) as connection:
        seen = connection.scalars(text("SELECT service FROM inbox")).all()
        ended = connection.execute(text("UPDATE inbox SET state = 'done'")).rowcount

    assert (seen, ended) == ([role], 1)


def test_the_trainer_says_that_nothing_was_learned_and_judges_nothing(
    connect_as: Connect, batch: UUID
) -> None:
    add = (
        "INSERT INTO verdicts (id, event_id, batch_id, outcome, rule, reason) "
        "VALUES (gen_random_uuid(), gen_random_uuid(), :batch, :outcome, 'none', 'x')"
    )
    for outcome in ("promoted", "kept", "unscorable"):
        assert "row-level security" in expect_refusal(
            connect_as("trainer"), add, batch=batch, outcome=outcome
        )
    with connect_as("trainer") as connection:
        assert connection.execute(text(add), {"batch": batch, "outcome": "untrainable"}).rowcount == 1
    with connect_as("evaluator") as connection:
        assert connection.execute(text(add), {"batch": batch, "outcome": "kept"}).rowcount == 1


def test_a_table_of_ones_own_does_not_stand_in_for_the_owners(connect_as: Connect, db: Sessions) -> None:
    """The month of a batch that is younger stays, whatever the scraper's temporary `batches` says."""
    with db.begin() as session:
        session.add(batch := make_batch())
        session.flush()
        month = batch.window_from.date().replace(day=1)
    with connect_as("scraper") as connection:
        connection.execute(text("SELECT add_tweets_month(:month)"), {"month": month})
        connection.execute(text("CREATE TEMPORARY TABLE batches (LIKE public.batches)"))
        connection.execute(text("SET search_path = pg_temp, public"))
        drop = text("SELECT public.drop_tweets_month(:month, :before)")
        dropped = connection.scalar(drop, {"month": month, "before": batch.collected_at})

    assert dropped is False


def test_a_months_name_is_no_statement(connect_as: Connect) -> None:
    assert "first day" in expect_refusal(connect_as("scraper"), "SELECT add_tweets_month('2026-01-02')")


@pytest.mark.parametrize("role", [*EVERYBODY, "viral"])
def test_mlflows_tables_are_mlflows_alone(servers: Servers, database_url: str, role: str) -> None:
    account = Account(role, servers.secrets.read(role, DATABASE))

    with pytest.raises(DBAPIError, match="permission denied for database"):
        connect_to(replace_account(database_url, account, "/mlflow")).connect()


def test_a_wrong_password_is_refused(servers: Servers, database_url: str) -> None:
    with pytest.raises(DBAPIError, match="password authentication failed"):
        connect_to(replace_account(database_url, Account("evaluator", "guess"), "/viral")).connect()


def test_what_the_owner_may_no_service_needs(db: Sessions, batch: UUID) -> None:
    """The attacks above would succeed with the owner's rights: it is the rights that stop them."""
    with db() as session:
        session.execute(text("DELETE FROM batch_intervals"))
        session.execute(text("CREATE TABLE public.shadow (i int)"))
        session.execute(
            text(
                "INSERT INTO outbox (message_id, service, exchange, routing_key, body) "
                "VALUES ('forged', 'evaluator', 'viral.events', 'model.promoted', '')"
            )
        )
        assert session.query(OutboxMessage).count() == 2
        session.rollback()
