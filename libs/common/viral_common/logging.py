"""Configure structured logs: an event with fields, as a line for people or as JSON for machines."""

from __future__ import annotations

import logging
import sys

import structlog

from viral_common.settings import CommonSettings


def configure_logging(service: str, settings: CommonSettings) -> None:
    """Send structlog and the standard library's logs to stderr in one format, each line naming the service."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _make_service_field(service),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        # Plain tracebacks: the richer ones print local variables, and those hold passwords.
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    level = settings.log_level.upper()
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Some of them show at `debug` what they receive: texts.
    for chatty in ("urllib3", "httpx", "alembic", "tweepy", "websockets", "mastodon", "authlib", "httpx2"):
        logging.getLogger(chatty).setLevel("WARNING")
    # pika logs each failed connection seven times with a traceback; the bus logs it once, with what is done about it.
    logging.getLogger("pika").setLevel("CRITICAL")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _make_service_field(service: str) -> structlog.typing.Processor:
    # Not a context variable: those do not reach a service's threads.
    def add_service(
        _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    return add_service
