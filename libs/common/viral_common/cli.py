"""The one edge where errors become a line on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text
from sqlalchemy.exc import InterfaceError, OperationalError

from viral_common.errors import UsageError, ViralError, summarise_error


@contextmanager
def print_errors_as_one_line() -> Iterator[None]:
    """Print an expected error as one line on stderr; exit 2 for a person's mistake, 1 for the rest."""
    try:
        yield
    except UsageError as error:
        _fail(str(error), 2)
    except ViralError as error:
        _fail(str(error), 1)
    except (OperationalError, InterfaceError) as error:
        reason = summarise_error(error.orig or error)
        _fail(f"Postgres does not answer ({reason}); check VIRAL_DATABASE_URL or run `make up`", 1)


def _fail(line: str, code: int) -> None:
    # As Text, for a path or a pattern may look like Rich's markup.
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error:", "red"), " ", line))
    sys.exit(code)


def run_command(run: Callable[[], None]) -> None:
    """Run a command's body with errors as one line."""
    with print_errors_as_one_line():
        run()
