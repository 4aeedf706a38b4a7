"""Load settings, check files and show progress for the commands that run once: `compare`, `eda` and `tune`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from viral_common.errors import UsageError
from viral_common.logging import configure_logging
from viral_common.settings import load_settings

from viral_trainer.settings import TrainerSettings

AnySettings = TypeVar("AnySettings", bound=TrainerSettings)


def load_command_settings(kind: type[AnySettings], **options: object) -> AnySettings:
    """Load settings, replaced by the options that are not None; log only errors between the command's own lines."""
    settings = load_settings(kind)
    configure_logging("trainer", settings.model_copy(update={"log_level": "error"}))
    return settings.model_copy(update={name: value for name, value in options.items() if value is not None})


def check_writable(path: Path) -> None:
    """Raise UsageError if no file can be written there: better before the work than after it."""
    folder = path.absolute().parent
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder; name a file in it")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {path}: {folder} is no folder to write in; make it first")


def make_progress(console: Console) -> Progress:
    """Make a bar of so many of so many, which is drawn for people alone and gone in the end."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
