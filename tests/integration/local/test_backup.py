"""Back up while it runs, lose everything, restore: the same rows, files and keys; killed at any moment; upgraded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from viral_common.addresses import split_account
from viral_common.database.administration import choose_database, read_version
from viral_common.database.engine import connect_to, make_sessions
from viral_common.errors import UsageError
from viral_common.stores.audit import read_newest_acts
from viral_local.backup.backup import Parts, make_backup
from viral_local.backup.folder import read_manifest
from viral_local.backup.restore import BOUND, restore_stack
from viral_local.backup.upgrade import upgrade_stack
from viral_local.prepare.postgres import prepare_tables
from viral_local.servers import mlflow, postgres
from viral_local.stack.only_servers import make_servers_stack
from viral_local.stack.plan import Plan
from viral_local.stack.stack import Stack

BATCH = """
    INSERT INTO batches (id, source, query, window_from, window_to, target)
    VALUES (gen_random_uuid(), 'archive', :query, now() - interval '1 day', now(), 10)
"""
PUBLISHED = """
    INSERT INTO outbox (message_id, service, exchange, routing_key, body, published_at)
    VALUES ('new', 'scraper', 'viral.events', 'batch.collected', '', now()),
           ('old', 'scraper', 'viral.events', 'batch.collected', '', now() - interval '3 days')
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """One that is never up: Postgres alone runs now and then."""
    # So deep that the supervisor's socket lies elsewhere.
    stack = make_servers_stack(tmp_path / ("deep" * 15) / "home")
    yield stack
    stack.down(purge=True)
    assert not stack.home.socket.parent.exists()


@contextmanager
def running(stack: Stack) -> Iterator[Plan]:
    with stack.hold("a test"), stack.run_postgres() as plan:
        yield plan


def fill(plan: Plan) -> None:
    prepare_tables(plan.owner_url)
    with connect_to(plan.owner_url).begin() as connection:
        connection.execute(text(BATCH), {"query": "kept"})
        connection.execute(text(PUBLISHED))
    with connect_to(choose_database(plan.admin_url, "mlflow")).begin() as connection:
        connection.execute(text("SET ROLE mlflow"))
        connection.execute(text("CREATE TABLE runs AS SELECT n FROM generate_series(1, 50000) AS n"))
    artefact = mlflow.locate_artefacts(plan.home) / "1" / "model.onnx"
    artefact.parent.mkdir(parents=True)
    artefact.write_bytes(b"graph")


def read_state(plan: Plan) -> tuple[list[str], list[str], int, bytes]:
    """Batches, events to be published, MLflow's runs, an artefact."""
    with connect_to(plan.owner_url).connect() as connection:
        queries = connection.scalars(text("SELECT query FROM batches")).all()
        waiting = connection.scalars(text("SELECT message_id FROM outbox WHERE published_at IS NULL")).all()
    with connect_to(choose_database(plan.admin_url, "mlflow")).connect() as connection:
        runs = connection.scalar(text("SELECT count(*) FROM runs"))
    artefact = mlflow.locate_artefacts(plan.home) / "1" / "model.onnx"
    return list(queries), list(waiting), int(runs or 0), artefact.read_bytes()


RESTORED = (["kept"], ["new"], 50_000, b"graph")


@pytest.fixture
def backup(stack: Stack, tmp_path: Path) -> Path:
    """Of a stack that is gone."""
    folder = tmp_path / "backup"
    with running(stack) as plan:
        fill(plan)
        make_backup(Parts.from_plan(plan), folder, stack.step)
    stack.down(purge=True)
    return folder


def test_what_was_backed_up_is_there_again_after_everything_was_lost(stack: Stack, backup: Path) -> None:
    forget_key = (backup / "secrets" / "scraper" / "viral_forget_key").read_text()
    readable = [path for path in (backup, *backup.rglob("*")) if path.stat().st_mode & 0o077]

    restore_stack(fresh(stack), backup, replace=False)

    with running(stack) as plan:
        assert read_state(plan) == RESTORED
        assert plan.secrets.read("scraper", "viral_forget_key") == forget_key.strip()
        with make_sessions(connect_to(plan.owner_url))() as session:
            assert [act.action for act in read_newest_acts(session, 9)] == ["restore backup"]
        for role in ("scraper", "operator"):  # rights are as they are made for new tables
            address = plan._fill(plan._database_address, role, "viral_database_password")
            with connect_to(address).connect() as connection:
                assert connection.scalar(text("SELECT count(*) FROM batches")) == 1
    assert [path for path in readable if path.name != "trusted-signers.toml"] == []


def fresh(stack: Stack) -> Stack:
    """What the next command sees: nothing that this process remembers."""
    return make_servers_stack(stack.settings.data_dir)


@pytest.mark.long
@pytest.mark.skipif(
    not postgres.list_programs("postgres", encrypted=True), reason="no Postgres with TLS here"
)
def test_an_encrypted_stack_is_restored_as_one(tmp_path: Path) -> None:
    stack = make_servers_stack(tmp_path / "home", tls=True)
    folder = tmp_path / "backup"
    try:
        with running(stack) as plan:
            fill(plan)
            make_backup(Parts.from_plan(plan), folder, stack.step)
        stack.down(purge=True)

        stack = make_servers_stack(tmp_path / "home", tls=True)
        restore_stack(stack, folder, replace=False)

        with running(stack) as plan:
            assert read_state(plan) == RESTORED
            assert "sslmode=verify-full" in plan.admin_url
    finally:
        stack.down(purge=True)


@pytest.mark.long
def test_servers_of_ones_own_are_named_and_their_secrets_kept(
    stack: Stack, backup: Path, tmp_path: Path
) -> None:
    artefacts = tmp_path / "artefacts"
    stack = fresh(stack)
    with running(stack) as plan:
        address, _ = split_account(plan.admin_url)
        given = ("--database-url", address, "--artefacts", str(artefacts))
        secrets = {"VIRAL_SECRETS_DIR": str(plan.secrets.root)}

        _, refused = command(stack, "restore", str(backup), *given, **secrets).communicate()
        for name in BOUND:
            (plan.secrets.root / name).unlink()
        restoring = command(stack, "restore", str(backup), *given, **secrets)
        _, said = restoring.communicate()
        again = command(stack, "backup", str(tmp_path / "again"), *given, **secrets)
        again.communicate()

        assert b"is not the backup's: move it away" in refused
        assert (restoring.returncode, again.returncode) == (0, 0), said
        with connect_to(plan.owner_url).connect() as connection:
            assert connection.scalars(text("SELECT query FROM batches")).all() == ["kept"]
    assert (artefacts / "1" / "model.onnx").read_bytes() == b"graph"
    assert "artefacts/1/model.onnx" in read_manifest(tmp_path / "again").files


@pytest.mark.long
def test_data_is_replaced_only_when_asked_and_then_kept_under_another_name(
    stack: Stack, backup: Path
) -> None:
    stack = fresh(stack)
    restore_stack(stack, backup, replace=False)
    with running(stack) as plan, connect_to(plan.owner_url).begin() as connection:
        connection.execute(text(BATCH), {"query": "later"})

    with pytest.raises(UsageError, match="there is data in viral and mlflow: with --replace"):
        restore_stack(stack, backup, replace=False)
    _, kept = restore_stack(stack, backup, replace=True)

    with running(stack) as plan:
        assert read_state(plan) == RESTORED
        with connect_to(choose_database(plan.admin_url, kept[0])).connect() as connection:
            assert sorted(connection.scalars(text("SELECT query FROM batches"))) == ["kept", "later"]


def command(stack: Stack, *words: str, **more: str) -> subprocess.Popen[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("VIRAL_")}
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("viral")), *words],
        env={**env, "VIRAL_DATA_DIR": str(stack.settings.data_dir), **more},
        cwd=stack.settings.data_dir.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> None:
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_restore_killed_at_any_moment_is_no_stack_until_it_is_repeated(stack: Stack, backup: Path) -> None:
    for moment in [2.5, 3.5, 4.5, 5.5, 6.5, random.uniform(2, 8)]:
        process = command(stack, "restore", str(backup))
        kill_after(process, moment)
        if (stack.settings.data_dir / "unfinished").exists():
            _, said = command(stack, "up").communicate()
            assert b"was cut off: repeat it" in said, moment

        process = command(stack, "restore", str(backup))
        _, said = process.communicate()

        assert process.returncode == 0 or b"there is data" in said, (moment, said)
        with running(fresh(stack)) as plan:
            assert read_state(plan) == RESTORED, moment
        fresh(stack).down(purge=True)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_backup_killed_at_any_moment_leaves_no_folder_of_that_name(stack: Stack, tmp_path: Path) -> None:
    stack.up()
    folder = tmp_path / "backup"
    for moment in [1.5, 2.0, 2.5, 3.0, random.uniform(1, 3)]:
        kill_after(command(stack, "backup", str(folder)), moment)
        if folder.exists():  # it was quicker
            read_manifest(folder)
            folder.rename(tmp_path / f"whole-{moment}")

    process = command(stack, "backup", str(folder))
    process.communicate()

    assert process.returncode == 0
    assert not list(tmp_path.glob(".backup.*"))
    assert read_manifest(folder).postgres == 18


@pytest.mark.long
@pytest.mark.parametrize("cut", [False, True])
def test_data_of_an_older_postgres_is_moved_also_after_a_cut(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    _, bundled = postgres._find_bundled()
    with monkeypatch.context() as older:
        older.setattr(postgres, "_find_bundled", lambda: (16, bundled))
        with running(stack) as plan:
            fill(plan)
            assert read_version(plan.admin_url) == 16
    data = postgres.locate_data_dir(stack.home)
    with running(stack) as plan:
        assert read_version(plan.admin_url) == 16  # it goes on with the version that made the data
    if cut:
        monkeypatch.setattr("viral_local.backup.upgrade.restore", cut_off)
        with pytest.raises(InterruptedError):
            upgrade_stack(fresh(stack))
        monkeypatch.undo()
        with pytest.raises(UsageError, match="`viral upgrade` was cut off: repeat it"):
            fresh(stack).up()

    upgrade_stack(fresh(stack))

    with running(fresh(stack)) as plan:
        assert read_version(plan.admin_url) == 18
        queries, _, runs, _ = read_state(plan)
        assert (queries, runs) == (["kept"], 50_000)
    assert [path.name for path in data.parent.glob("postgres*")] == ["postgres"]
    assert not (stack.home.root / "before-upgrade").exists()


def cut_off(*_: object) -> None:
    raise InterruptedError


@pytest.mark.long
def test_there_is_no_way_back_to_an_older_postgres_or_schema(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(stack) as plan:
        prepare_tables(plan.owner_url)
        with connect_to(plan.owner_url).begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(UsageError, match="the schema is 9999, newer than this version knows"):
        upgrade_stack(fresh(stack))
    _, bundled = postgres._find_bundled()
    monkeypatch.setattr(postgres, "_find_bundled", lambda: (16, bundled))
    with pytest.raises(UsageError, match="made by Postgres 18, installed is 16: there is no way back"):
        upgrade_stack(fresh(stack))
