"""What the pages say can be done can be done: links lead somewhere, commands exist with these options."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
SHELLS = {"bash", "sh"}


def tokens(page: Path) -> Iterator[Token]:
    """All of a page's tokens, also those inside paragraphs."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or []


def commands(page: Path) -> Iterator[list[str]]:
    """Every `make …` and `viral…` command in a page's code, as words; a lone name is no command."""
    for token in tokens(page):
        if token.type == "code_inline" or (token.type == "fence" and token.info in SHELLS):
            for line in token.content.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if len(words) > 1 and (words[0] == "make" or words[0] in SCRIPTS):
                    yield words


def all_commands(first_word: str) -> list[str]:
    """Once each, over all pages."""
    found = {shlex.join(words) for page in PAGES for words in commands(page)}
    return sorted(command for command in found if command.split()[0] == first_word)


def anchors(page: Path) -> set[str]:
    """What `#…` may name, by the rules of GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    links = [str(token.attrs["href"]) for token in tokens(page) if token.type == "link_open"]

    for link in links:
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


@pytest.mark.parametrize("command", all_commands("make"))
def test_every_make_target_named_exists(command: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = [word for word in command.split()[1:] if "=" not in word]

    assert set(named) <= set(targets)


@pytest.mark.parametrize("command", [c for script in SCRIPTS for c in all_commands(script)])
def test_every_command_named_exists_with_these_options(command: str) -> None:
    name, *words = shlex.split(command)
    module, _, attribute = SCRIPTS[name].partition(":")
    found: Any = typer.main.get_command(getattr(importlib.import_module(module), attribute))

    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]
    assert not hasattr(found, "commands"), f"`{command}` is no whole command"
    found.make_context(name, words, resilient_parsing=True)  # parses; unknown options and extra words raise


def test_the_readme_names_every_command() -> None:
    named = {words[0] for words in commands(ROOT / "README.md")}

    assert named == {"make", *SCRIPTS}
