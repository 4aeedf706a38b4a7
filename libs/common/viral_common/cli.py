"""Turn errors into one line on the terminal, at the edge of every command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from viral_common.errors import UsageError, ViralError


@contextmanager
def print_errors_as_one_line() -> Iterator[None]:
    """Print an expected error as one line on stderr; exit 2 for a person's mistake, 1 for the rest."""
    try:
        yield
    except UsageError as error:
        _fail(str(error), 2)
    except ViralError as error:
        _fail(str(error), 1)
    except Exception as error:
        # Imported here, for `--help` needs no SQLAlchemy.
        from viral_common.database.engine import describe_outage

        outage = describe_outage(error)
        if outage is None:
            raise
        _fail(f"Postgres does not answer ({outage}); check VIRAL_DATABASE_URL or run `make up`", 1)


def _fail(line: str, code: int) -> None:
    # As Text, for a path or a pattern may look like Rich's markup.
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error:", "red"), " ", line))
    sys.exit(code)
