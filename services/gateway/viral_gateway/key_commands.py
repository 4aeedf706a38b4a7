"""Make, list and retire API keys (`viral-gateway keys`), and record it in the audit."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import typer
from pydantic_settings import SettingsConfigDict
from viral_common.database.engine import connect, make_sessions
from viral_common.errors import UsageError
from viral_common.settings import SettingsWithSecrets, load_settings
from viral_common.stores.audit import record_elsewhere

from viral_gateway.keys_file import Key, Role, add_key, read_keys, remove_key
from viral_gateway.settings import GatewaySettings


class KeysFileSettings(SettingsWithSecrets):
    """Where the keys are; a command needs no more."""

    model_config = SettingsConfigDict(env_prefix="VIRAL_", env_ignore_empty=True)

    api_keys_file: Path | None = None


def make_key(name: str, role: Role, until: date | None) -> None:
    """Print a new key, this once, and its line for the file; where the file is known, add it there."""
    path = load_settings(KeysFileSettings).api_keys_file
    try:
        text, key = add_key(path, name, role, until)
    except (OSError, ValueError) as error:
        raise UsageError(f"VIRAL_API_KEYS_FILE: {error}") from error
    typer.echo(f"{text}\n{key.to_line()}")
    place = f"is in {path}" if path else "belongs into the file that VIRAL_API_KEYS_FILE names"
    typer.echo(f"The first line is the key, shown this once; the second {place}.", err=True)
    _record("make key", key, None, {"role": role, "until": str(until or "-")})


def list_keys() -> None:
    """Print the file's lines, and which of them open nothing any more."""
    for key in _read_file()[1]:
        typer.echo(key.to_line() + ("" if key.is_good else "  # over"))


def retire_key(name: str) -> None:
    """Take a key out of the file: it opens nothing from the next request on."""
    path, _ = _read_file()
    key = remove_key(path, name)
    typer.echo(f"{name} is retired")
    _record("retire key", key, {"role": key.role, "until": str(key.until or "-")}, None)


def _read_file() -> tuple[Path, list[Key]]:
    path = load_settings(KeysFileSettings).api_keys_file
    if path is None:
        raise UsageError("VIRAL_API_KEYS_FILE names no file")
    try:
        return path, read_keys(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"VIRAL_API_KEYS_FILE: {error}") from error


def _record(action: str, key: Key, before: dict[str, str] | None, after: dict[str, str] | None) -> None:
    try:
        sessions = make_sessions(connect(load_settings(GatewaySettings), "viral-gateway keys"))
        subject = f"{key.name} {key.digest.hex()[:12]}"
        problem = record_elsewhere(sessions, action, subject, before=before, after=after)
    except UsageError as error:
        problem = str(error)
    if problem:
        typer.echo(f"This is not in the audit: {problem}", err=True)
