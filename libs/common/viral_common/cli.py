"""The one edge where errors become a line on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from sqlalchemy.exc import InterfaceError, OperationalError

from viral_common.errors import UsageError, ViralError


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print an expected error as one line on stderr; exit 2 for a person's mistake, 1 for the rest."""
    try:
        yield
    except UsageError as error:
        _fail(str(error), 2)
    except ViralError as error:
        _fail(str(error), 1)
    except (OperationalError, InterfaceError) as error:
        reason = str(error.orig).strip().splitlines()[0]
        _fail(f"Postgres does not answer ({reason}); check VIRAL_DATABASE_URL or run `make up`", 1)


def _fail(line: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]error:[/red] {line}", markup=True)
    sys.exit(code)


def main_of(run: Callable[[], None]) -> None:
    """Run a command's body with errors as one line."""
    with one_line_errors():
        run()
