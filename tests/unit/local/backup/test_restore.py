"""What a restore refuses before it touches anything."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from viral_common.errors import UsageError
from viral_local.backup.backup import Parts
from viral_local.backup.folder import MANIFEST, SECRETS, SIGNERS
from viral_local.backup.restore import put_secrets, restore_servers

from tests.unit.local.backup.test_folder import make_manifest

KEY = "scraper/viral_forget_key"


def show_nothing(_: str) -> AbstractContextManager[None]:
    return nullcontext()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_backup_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    newer = make_manifest(tmp_path).model_copy(update={"schema_revision": "9999", "product": "7.0"})
    (tmp_path / MANIFEST).write_text(newer.model_dump_json())

    with pytest.raises(UsageError, match=r"schema is 9999, newer than this version knows: install 7\.0"):
        restore_servers(Parts("postgresql://nobody@127.0.0.1:1/postgres"), tmp_path, False, show_nothing)


def test_secrets_and_signers_go_where_none_are(tmp_path: Path) -> None:
    backup, secrets, signers = tmp_path / "backup", tmp_path / "secrets", tmp_path / "signers.toml"
    write(backup / SECRETS / KEY, "key")
    write(backup / SECRETS / "gateway" / "viral_database_password", "of the backup")
    write(backup / SIGNERS, "trusted")
    write(secrets / "gateway" / "viral_database_password", "of here")

    put_secrets(backup, secrets, signers)

    assert (secrets / KEY).read_text() == "key"
    assert (secrets / "gateway" / "viral_database_password").read_text() == "of here"
    assert signers.read_text() == "trusted"


def test_another_key_to_forget_with_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "backup" / SECRETS / KEY, "of the backup")
    write(tmp_path / "secrets" / KEY, "of here")

    with pytest.raises(UsageError, match=f"{KEY} is not the backup's: move it away"):
        put_secrets(tmp_path / "backup", tmp_path / "secrets", tmp_path / "signers.toml")
