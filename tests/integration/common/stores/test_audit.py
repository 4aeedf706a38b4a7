"""The audit takes rows from every account and lets none change them; what a superuser changes all the same is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner
from viral_common.addresses import Account, replace_account
from viral_common.database.engine import Sessions, connect_to, make_sessions
from viral_common.database.grants import OPERATOR, SERVICES, grant_rights
from viral_common.settings import CommonSettings
from viral_common.stores.audit import read_newest_acts, record_act, record_elsewhere, verify_chain
from viral_local.cli import app
from viral_local.prepare.secret_files import DATABASE, SecretFiles

from tests.servers import Servers


def record_three(db: Sessions) -> list[str]:
    """Three acts; returns their hashes, oldest first."""
    for number in range(1, 4):
        with db.begin() as session:
            record_act(
                session,
                "promote",
                f"version {number}",
                before={"version": number - 1 or None},
                after={"version": number, "share": 1e-7, "word": 'Größe " \\ \n 🌅'},
                reason="it's better, 100%: ünd so",
            )
    with db() as session:
        return [entry.hash for entry in reversed(read_newest_acts(session, 9))]


@pytest.fixture
def accounts(servers: Servers, settings: CommonSettings) -> Iterator[dict[str, Sessions]]:
    """Transactions of each account, with the rights that it has everywhere."""
    url = settings.database_url.get_secret_value()
    owner = connect_to(url)
    grant_rights(owner)
    owner.dispose()
    secrets = SecretFiles(servers.stack_file.parent / "secrets")
    own = {name: Account(name, secrets.read(name, DATABASE)) for name in (*SERVICES, OPERATOR)}
    engines = {
        name: connect_to(replace_account(url, account, urlsplit(url).path)) for name, account in own.items()
    }
    yield {name: make_sessions(engine) for name, engine in engines.items()}
    for engine in engines.values():
        engine.dispose()


def test_each_act_names_who_and_continues_the_one_before(db: Sessions) -> None:
    hashes = record_three(db)

    with db() as session:
        newest, *_, oldest = read_newest_acts(session, 9)
        check = verify_chain(session)

    assert (oldest.seq, oldest.previous_hash) == (1, None)
    assert (newest.seq, newest.previous_hash) == (3, hashes[1])
    assert newest.os_user
    assert newest.role == "viral"
    assert newest.before == {"version": 2}
    assert (check.count, check.newest_hash, check.broken) == (3, hashes[2], None)


ATTACKS = [
    "UPDATE audit SET reason = 'nobody did'",
    "UPDATE audit SET seq = seq WHERE false",
    "DELETE FROM audit",
    "TRUNCATE audit",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_not_even_the_owner_changes_a_row(db: Sessions, attack: str) -> None:
    record_three(db)

    with pytest.raises(DBAPIError, match="are only ever added"), db.begin() as session:
        session.execute(text(attack))

    with db() as session:
        assert verify_chain(session).count == 3


@pytest.mark.parametrize(
    "attack",
    [
        *ATTACKS,
        "INSERT INTO audit SELECT 4, now(), 'operator', os_user, person, action, 'x', before, after, '', hash, 'y' "
        "FROM audit WHERE seq = 3",
        "ALTER TABLE audit DISABLE TRIGGER append_only",
        "DROP FUNCTION record_audit",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
    ],
)
def test_no_account_changes_or_forges_a_row(db: Sessions, accounts: dict[str, Sessions], attack: str) -> None:
    hashes = record_three(db)

    for sessions in accounts.values():
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"), sessions.begin() as session:
            session.execute(text(attack))

    with db() as session:
        assert verify_chain(session).newest_hash == hashes[2]


def test_each_account_adds_rows_in_its_own_name(db: Sessions, accounts: dict[str, Sessions]) -> None:
    for name, sessions in accounts.items():
        with sessions.begin() as session:
            record_act(session, "replay", name)

    with accounts["gateway"]() as session:
        added = {entry.subject: entry.role for entry in read_newest_acts(session, 9)}
        assert verify_chain(session).count == len(accounts)
    assert added == {name: name for name in accounts}


def test_the_operator_who_acts_as_a_service_is_named_all_the_same(
    db: Sessions, accounts: dict[str, Sessions]
) -> None:
    with accounts["operator"].begin() as session:
        session.execute(text("SET LOCAL ROLE evaluator"))
        record_act(session, "promote", "version 9", person="ada")

    with db() as session:
        (entry,) = read_newest_acts(session, 9)
    assert (entry.role, entry.person) == ("operator", "ada")


def test_nothing_that_an_account_puts_in_the_functions_way_is_used(
    db: Sessions, accounts: dict[str, Sessions]
) -> None:
    record_three(db)

    with accounts["gateway"].begin() as session:
        session.execute(text("CREATE TEMP TABLE audit (seq bigint, hash text)"))
        session.execute(text("INSERT INTO pg_temp.audit VALUES (41, 'forged')"))
        session.execute(
            text(
                "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''\\x00''::bytea'"
            )
        )
        session.execute(text("SET LOCAL search_path = pg_temp, public"))
        record_act(session, "promote", "version 9")

    with db() as session:
        newest = read_newest_acts(session, 1)[0]
        check = verify_chain(session)
    assert (newest.seq, newest.role) == (4, "gateway")
    assert check.broken is None


def test_no_account_can_hold_the_audit_up_by_its_lock(db: Sessions, accounts: dict[str, Sessions]) -> None:
    for sessions in accounts.values():
        with pytest.raises(DBAPIError, match="permission denied"), sessions.begin() as session:
            session.execute(text("LOCK TABLE audit IN SHARE MODE"))


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        ("UPDATE audit SET reason = 'nobody did' WHERE seq = 2", "row 2 was changed"),
        ("UPDATE audit SET at = at - interval '1 hour' WHERE seq = 2", "row 2 was changed"),
        ("UPDATE audit SET role = 'somebody' WHERE seq = 1", "row 1 was changed"),
        # One field's end moved into the next.
        ("UPDATE audit SET action = 'promot', subject = 'e' || subject WHERE seq = 1", "row 1 was changed"),
        ("UPDATE audit SET before = NULL WHERE seq = 3", "row 3 was changed"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM audit WHERE seq = 2", "row 2 is missing"),
        (
            "DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3",
            "row 2 does not continue row 1",
        ),
    ],
)
def test_what_a_superuser_changes_is_found(db: Sessions, edit: str, found: str) -> None:
    record_three(db)

    with db.begin() as session:
        session.execute(text("ALTER TABLE audit DISABLE TRIGGER append_only"))
        session.execute(text(edit))
        session.execute(text("ALTER TABLE audit ENABLE TRIGGER append_only"))

    with db() as session:
        assert verify_chain(session).broken == found


def test_an_end_that_was_cut_off_is_found_by_a_noted_hash(db: Sessions) -> None:
    hashes = record_three(db)
    with db.begin() as session:
        session.execute(text("ALTER TABLE audit DISABLE TRIGGER append_only"))
        session.execute(text("DELETE FROM audit WHERE seq = 3"))

    with db() as session:
        assert verify_chain(session).broken is None
        assert verify_chain(session, hashes[1]).broken is None
        assert "cut off" in (verify_chain(session, hashes[2]).broken or "")


def test_many_writers_at_once_do_not_fork_the_chain(db: Sessions) -> None:
    with ThreadPoolExecutor(8) as pool:
        problems = list(
            pool.map(lambda number: record_elsewhere(db, "replay", f"letter {number}"), range(80))
        )

    with db() as session:
        check = verify_chain(session)
    assert problems == [None] * 80
    assert (check.count, check.broken) == (80, None)


def test_an_act_that_fails_leaves_no_row(db: Sessions) -> None:
    with db() as session:
        record_act(session, "promote", "version 1")
        session.rollback()

    with db() as session:
        assert verify_chain(session).count == 0


def test_what_cannot_be_recorded_is_told(db: Sessions) -> None:
    assert "NUL" in (record_elsewhere(db, "replay", "letter\x00") or "")


@pytest.fixture
def run(settings: CommonSettings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("VIRAL_DATABASE_URL", settings.database_url.get_secret_value())
    return CliRunner()


def test_the_command_lists_and_verifies(db: Sessions, run: CliRunner) -> None:
    hashes = record_three(db)

    listed = json.loads(run.invoke(app, ["audit", "list", "--limit", "2", "--json"]).stdout)
    table = run.invoke(app, ["audit", "list"]).stdout
    whole = run.invoke(app, ["audit", "verify", "--expect", hashes[0]])
    lost = run.invoke(app, ["audit", "verify", "--expect", "0" * 64])

    assert [entry["seq"] for entry in listed] == [3, 2]
    assert listed[0]["hash"] == hashes[2]
    assert "version 3" in table
    assert whole.exit_code == 0
    assert hashes[2] in whole.stdout
    assert lost.exit_code == 1
    assert "cut off" in lost.stderr
