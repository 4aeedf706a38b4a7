"""Promote a version or roll back by hand, whatever the verdicts say."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console
from viral_common.database.engine import Sessions, connect, make_sessions, require_schema
from viral_common.delivery import outbox
from viral_common.delivery.outbox import Relay
from viral_common.errors import ServerAway
from viral_common.events import Precision, wrap_event
from viral_common.logging import configure_logging
from viral_common.registry.versions import Registry
from viral_common.settings import load_settings
from viral_common.signing.signer import make_signer
from viral_common.stores import audit
from viral_common.stores.champion import Champion

from viral_evaluator.alias_follower import AliasFollower
from viral_evaluator.promotion import find_replaced_champion, promote_by_hand
from viral_evaluator.settings import EvaluatorSettings

console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def roll_back(reason: str) -> None:
    """Promote the champion before the present one again, in the precision it had."""
    settings = load_settings(EvaluatorSettings)
    with open_database(settings)() as session:
        before = find_replaced_champion(session)
    promote_version(before.model_version, reason, before.precision, "roll back")


def promote_version(version: int, note: str, precision: Precision | None, action: str = "promote") -> None:
    """Record the promotion, announce it and move the alias; what is away now a running evaluator does later."""
    settings = load_settings(EvaluatorSettings)
    configure_logging("evaluator", settings.model_copy(update={"log_level": "warning"}))
    signer = make_signer(settings)
    db, registry = open_database(settings), Registry(settings.mlflow_url)
    with db.begin() as session:
        promotion = promote_by_hand(
            session, version, note, precision, signer.sign_promotion if signer else None
        )
        with suppress(ServerAway):  # then nobody can say, and a gateway would fetch it later
            registry.get_version(version)
        outbox.add_event(
            session,
            "evaluator",
            wrap_event(Champion.from_row(promotion).to_event(), "viral/evaluator/by-hand"),
        )
        audit.record_act(
            session,
            action,
            f"version {version}",
            before={"version": promotion.previous_version},
            after={"version": version, "promotion": promotion.seq, "precision": promotion.precision},
            reason=note,
        )
    console.print(f"version {version} is the champion (promotion {promotion.seq}, in {promotion.precision})")
    # Both are done by a running evaluator as well: what is away now follows later.
    try:
        Relay(db, settings.rabbitmq_url.get_secret_value(), "evaluator", "viral-evaluator").publish_waiting()
        AliasFollower(db, registry, settings.alias_s).follow()
    except ServerAway as error:
        console.print(f"a running evaluator will do the rest: {error}")


def open_database(settings: EvaluatorSettings) -> Sessions:
    """Open Postgres. Raises UsageError if its tables are missing."""
    db = make_sessions(connect(settings, "viral-evaluator"))
    require_schema(db)
    return db
