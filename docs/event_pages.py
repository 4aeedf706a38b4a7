"""Write events.md and asyncapi.json from the classes in `events.py`: `python -m docs.event_pages docs/`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

from viral_common.bus import topology
from viral_common.events import EVENT_TYPES, CloudEvent, Event

from docs.event_examples import ENVELOPE, EVENT_ROUTES, EventRoute, build_examples

CONTRACT_VERSION = "1.0.0"
TEMPLATE = Path(__file__).with_name("events.md.in")


def _build_schema(of: type[Event] | type[CloudEvent]) -> dict[str, Any]:
    schema = of.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    for name, field in schema["properties"].items():
        field.pop("title", None)
        if of is CloudEvent:
            field["description"] = ENVELOPE[name].replace("`", "")
    return schema


def _build_message(name: str) -> dict[str, Any]:
    event = EVENT_TYPES[name]
    payload = {
        "allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {
                "type": "object",
                "properties": {
                    "type": {"const": name},
                    "data": {"$ref": f"#/components/schemas/{event.__name__}"},
                },
            },
        ]
    }
    return {
        "name": name,
        "title": event.__name__,
        "summary": event.__doc__,
        "contentType": CloudEvent.CONTENT_TYPE,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": payload,
        "bindings": {"amqp": {"messageType": name, "bindingVersion": "0.3.0"}},
        "examples": [{"name": "example", "payload": build_examples()[name]}],
    }


def _build_channel(name: str) -> dict[str, Any]:
    exchange = {"name": topology.EVENTS, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"}
    return {
        "address": name,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
    }


def _build_operations(name: str, route: EventRoute) -> dict[str, Any]:
    where = {
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }
    send = {"deliveryMode": 2, "mandatory": True, "timestamp": True, "bindingVersion": "0.3.0"}
    return {
        f"{route.publisher}.sends.{name}": {
            "action": "send",
            "summary": f"When {route.when}.".replace("`", ""),
            **where,
            "bindings": {"amqp": send},
        },
        f"{route.consumer}.receives.{name}": {
            "action": "receive",
            "summary": f"From its queue {route.queue}.",
            **where,
            "bindings": {"amqp": {"ack": True, "bindingVersion": "0.3.0"}},
        },
    }


def build_asyncapi() -> dict[str, Any]:
    """Build the contract as an AsyncAPI 3.0 document."""
    operations: dict[str, Any] = {}
    for name, route in EVENT_ROUTES.items():
        operations |= _build_operations(name, route)
    schemas = {event.__name__: _build_schema(event) for event in EVENT_TYPES.values()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "viral-tweets events",
            "version": CONTRACT_VERSION,
            "description": "Facts the services send each other through RabbitMQ. Fields are only ever added; "
            "unknown fields are ignored. See events.md for the delivery rules.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": CloudEvent.CONTENT_TYPE,
        "channels": {name: _build_channel(name) for name in EVENT_ROUTES},
        "operations": operations,
        "components": {
            "messages": {name: _build_message(name) for name in EVENT_ROUTES},
            "schemas": {"CloudEvent": _build_schema(CloudEvent), **schemas},
        },
    }


def _describe_type(field: dict[str, Any]) -> str:
    """Describe a field's type for a reader, from its JSON schema."""
    if "anyOf" in field:
        return " or ".join(_describe_type(option) for option in field["anyOf"])
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    bounds = [f"{sign} {field[key]}" for key, sign in _BOUNDS.items() if key in field]
    if field.get("additionalProperties", {}) not in ({}, True):
        return f"object of {_describe_type(field['additionalProperties'])}s"
    name = field.get("format") or ("64 hex digits" if "64" in field.get("pattern", "") else field["type"])
    return " ".join([name, *bounds])


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _render_table(properties: dict[str, Any]) -> str:
    rows = [
        f"| `{name}` | {_describe_type(field)} | {field['description']} |"
        for name, field in properties.items()
    ]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])


def _render_section(name: str, route: EventRoute, example: dict[str, Any]) -> str:
    event = EVENT_TYPES[name]
    return "\n\n".join(
        [
            f"## `{name}`",
            event.__doc__ or "",
            f"- **Published by** the {route.publisher}, when {route.when}.\n"
            f"- **Consumed by** the {route.consumer}, from the queue `{route.queue}`.",
            _render_table(_build_schema(event)["properties"]),
            f"```json\n{json.dumps(example, indent=2)}\n```",
        ]
    )


def render_page() -> str:
    """Render the contract as a page for people."""
    shown = build_examples()
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        content_type=CloudEvent.CONTENT_TYPE,
        exchange=topology.EVENTS,
        dead_letters=topology.DEAD_LETTERS,
        dead_letter_queue=topology.DEAD_LETTER_QUEUE,
        audit=topology.AUDIT_QUEUE,
        audit_length=f"{topology.AUDIT_LENGTH:,}",
        envelope=_render_table(_build_schema(CloudEvent)["properties"]),
        events="\n\n".join(_render_section(name, route, shown[name]) for name, route in EVENT_ROUTES.items()),
    )


def write(folder: Path) -> None:
    """Write both pages into `folder`."""
    (folder / "events.md").write_text(render_page(), encoding="utf-8")
    (folder / "asyncapi.json").write_text(json.dumps(build_asyncapi(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
