"""The generated pages say what the classes say, and the examples are real messages.

The AsyncAPI document was checked by hand against the official schema (npm's `@asyncapi/specs`, `schemas/3.0.0.json`);
tests need no npm.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from viral_common.bus import topology
from viral_common.events import EVENT_TYPES, CloudEvent

from docs import event_pages
from docs.event_examples import EVENT_ROUTES, build_examples

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_in_the_repository_are_fresh(tmp_path: Path) -> None:
    event_pages.write(tmp_path)

    for page in ("events.md", "asyncapi.json"):
        fresh = (tmp_path / page).read_text(encoding="utf-8")
        assert (DOCS / page).read_text(encoding="utf-8") == fresh, f"docs/{page} is stale: run `make docs`"


def test_every_event_has_its_story() -> None:
    assert list(EVENT_ROUTES) == list(EVENT_TYPES)


def test_every_durable_queue_is_told_of() -> None:
    queues = {
        route.queue: name for name, route in EVENT_ROUTES.items() if not route.queue.endswith("<instance>")
    }

    assert queues == topology.QUEUES


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_is_a_message_that_services_understand(name: str) -> None:
    body = json.dumps(build_examples()[name])

    event = CloudEvent.model_validate_json(body).to_event()

    assert type(event) is EVENT_TYPES[name]


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_follows_the_published_schema(name: str) -> None:
    document: dict[str, Any] = event_pages.build_asyncapi()
    payload = document["components"]["messages"][name]["payload"]

    # References point into the whole document, so the schema is the document with the message's rules on top.
    jsonschema.validate(build_examples()[name], {**document, **payload})


def test_the_published_schema_refuses_what_breaks_the_contract() -> None:
    document: dict[str, Any] = event_pages.build_asyncapi()
    payload = document["components"]["messages"]["model.trained"]["payload"]
    broken = json.loads(json.dumps(build_examples()["model.trained"]))
    del broken["data"]["artifact_sha256"]

    with pytest.raises(jsonschema.ValidationError, match="artifact_sha256"):
        jsonschema.validate(broken, {**document, **payload})
