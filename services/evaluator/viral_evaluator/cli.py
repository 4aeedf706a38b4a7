"""`viral-evaluator`: judge challengers, or decide by hand."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console
from viral_common.cli import print_errors_as_one_line
from viral_common.database.engine import Sessions, connect, require_schema, make_sessions
from viral_common.delivery import outbox
from viral_common.delivery.outbox import Relay
from viral_common.errors import ServerAway
from viral_common.events import Precision, wrap_event
from viral_common.logging import configure_logging
from viral_common.registry.versions import Registry
from viral_common.settings import load_settings

from viral_evaluator.alias_follower import Aliases
from viral_evaluator.main import main
from viral_evaluator.promotion import announcement, promote_by_hand, replaced_champion
from viral_evaluator.settings import EvaluatorSettings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


@app.command()
def run() -> None:
    """Score each new challenger against the champion; promote the better. Runs until stopped."""
    with print_errors_as_one_line():
        main()


@app.command()
def promote(
    version: Annotated[int, typer.Argument(min=1, help="The version in MLflow to deploy")],
    reason: Annotated[str, typer.Option(help="Why; kept with the promotion")],
    precision: Annotated[Precision | None, typer.Option(help="Default: what its verdict says")] = None,
) -> None:
    """Deploy a version by hand, whatever the verdicts say."""
    with print_errors_as_one_line():
        _promote(version, reason, precision)


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why; kept with the promotion")] = "rolled back",
) -> None:
    """Deploy the champion before the present one again, as it served (a second rollback undoes the first)."""
    with print_errors_as_one_line():
        settings = load_settings(EvaluatorSettings)
        with _database(settings)() as session:
            before = replaced_champion(session)
        _promote(before.model_version, reason, before.precision)


def _promote(version: int, note: str, precision: Precision | None) -> None:
    settings = load_settings(EvaluatorSettings)
    configure_logging("evaluator", settings.model_copy(update={"log_level": "warning"}))
    db, registry = _database(settings), Registry(settings.mlflow_url)
    with db.begin() as session:
        promotion = promote_by_hand(session, version, note, precision)
        with suppress(ServerAway):  # then nobody can say, and a gateway would fetch it later
            registry.get_version(version)
        outbox.add_event(session, "evaluator", wrap_event(announcement(promotion), "viral/evaluator/by-hand"))
    console.print(f"version {version} is the champion (promotion {promotion.seq}, in {promotion.precision})")
    # Both are done by a running evaluator as well: what is away now is told later.
    try:
        Relay(db, settings.rabbitmq_url.get_secret_value(), "evaluator", "viral-evaluator").publish_waiting()
        Aliases(db, registry, settings.alias_s).follow()
    except ServerAway as error:
        console.print(f"a running evaluator will tell the rest: {error}")


def _database(settings: EvaluatorSettings) -> Sessions:
    db = make_sessions(connect(settings, "viral-evaluator"))
    require_schema(db)
    return db
