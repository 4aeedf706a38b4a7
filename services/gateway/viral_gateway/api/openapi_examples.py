"""Build examples for the OpenAPI document from those of the fields."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_BY_FORMAT = {
    "date-time": "2026-11-23T05:12:44Z",
    "uuid": "5f0c6f0e-3c8b-4f5e-9a55-0d4c1a7b9e21",
}
_BY_TYPE: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": False, "string": "text", "null": None}


def build_example(schema: Schema, components: dict[str, Schema]) -> Any:
    """Build one value that fits `schema`: its own example, or made of those of its parts."""
    if "$ref" in schema:
        return build_example(components[schema["$ref"].rpartition("/")[2]], components)
    if "examples" in schema:
        return schema["examples"][0]
    for given in ("example", "const", "default"):
        if schema.get(given) is not None:
            return schema[given]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return build_example(schema["anyOf"][0], components)
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: build_example(part, components) for name, part in schema["properties"].items()}
        case "object":
            return {}
        case "array":
            return [build_example(schema["items"], components)]
        case kind:
            return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(str(kind)))


def add_examples(document: dict[str, Any]) -> None:
    """Give one to each model and each JSON response of an OpenAPI `document` that has none yet."""
    components = document["components"]["schemas"]
    for schema in components.values():
        given = schema.get("examples") or [build_example(schema, components)]
        schema["examples"] = [_add_nulls(example, schema) for example in given]
    for path in document["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    _add_example(content, components)


def _add_example(content: dict[str, Any], components: dict[str, Schema]) -> None:
    if "schema" in content:
        model = components.get(content["schema"].get("$ref", "").rpartition("/")[2], {})
        example = content.get("example") or build_example(content["schema"], components)
        content["example"] = _add_nulls(example, model)


def _add_nulls(example: Any, schema: Schema) -> Any:
    """Put nulls where an example needs them: FastAPI leaves every null out of the document."""
    return {**dict.fromkeys(schema.get("required", ())), **example} if isinstance(example, dict) else example
