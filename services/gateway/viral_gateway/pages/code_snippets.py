"""Write the same question for programs: what the result page offers to copy."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any, Self

from viral_gateway.pages.form import Form

# Both take the key from the environment, so that none is ever on a page.
KEY = "VIRAL_API_KEY"


@dataclass(frozen=True)
class CodeSnippets:
    """Hold two programs to paste; both run as they are."""

    curl: str
    python: str

    @classmethod
    def from_form(cls, form: Form, address: str, *, asks_for_keys: bool) -> Self:
        """Write them for what was typed into the form, at the gateway's own address."""
        url, body = (
            f"{address.rstrip('/')}/v1/predictions",
            {"tweets": [{"text": form.texts[0], **form.list_fields()}]},
        )
        return cls(_write_curl(url, body, asks_for_keys), _write_python(url, body, asks_for_keys))


def _write_curl(url: str, body: dict[str, Any], asks_for_keys: bool) -> str:
    key = f' \\\n  -H "X-API-Key: ${KEY}"' if asks_for_keys else ""
    data = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl -s {shlex.quote(url)} \\\n  -H 'content-type: application/json'{key} \\\n  -d {data}"


def _write_python(url: str, body: dict[str, Any], asks_for_keys: bool) -> str:
    imports = "import json\nimport os\n" if asks_for_keys else "import json\n"
    key = f', "X-API-Key": os.environ["{KEY}"]' if asks_for_keys else ""
    fields = "".join(f"    {name!r}: {value!r},\n" for name, value in body["tweets"][0].items())
    return (
        f"{imports}from urllib.request import Request, urlopen\n\n"
        f"tweet = {{\n{fields}}}\n"
        "request = Request(\n"
        f"    {url!r},\n"
        '    json.dumps({"tweets": [tweet]}).encode(),\n'
        f'    {{"content-type": "application/json"{key}}},\n'
        ")\n"
        "with urlopen(request) as reply:\n"
        '    print(json.load(reply)["predictions"][0]["probability"])'
    )
