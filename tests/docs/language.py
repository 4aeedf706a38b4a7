"""List the names and docstrings that break the house's language: `python -m tests.docs.language`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("libs", "services", "infra", "docs")
VERBS = frozenset((Path(__file__).with_name("verbs.txt")).read_text(encoding="utf-8").split())
# What begins a name beside a verb: conversions, constructors and what is called when something happens.
PREFIXES = frozenset({"from", "to", "on"})
# Named by a library that calls them, or by a convention that every reader knows.
GIVEN_NAMES = frozenset(
    (
        "connection_lost",
        "connection_made",
        "data_received",
        "dispatch",
        "getresponse",
        "init_signals",
        "main",
        "main_loop",
        "redirect_request",
        "settings_customise_sources",
        "setup",
        "shutdown",
        "symbolic",
    )
)
# Published word for word, in OpenAPI or in events.md: there a noun says what the thing is.
PUBLISHED = frozenset({"BaseModel", "TypedDict", "Event", "BaseSettings", "SettingsWithSecrets", "Struct"})
# Values, and what is named by the command line that it answers.
NOUNS = frozenset({"property", "cached_property", "fixture", "command", "callback"})
# These say what somebody once meant; the field has words of its own.
BANNED = frozenset(
    {"told", "untold", "heard", "unheard", "bury", "buried", "purse", "wish", "trouble", "troubles", "joint"}
    | {"ranks", "utils", "helpers", "manager"}
)

Finding = tuple[str, int, str]


def find_unverbed_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Find functions whose name begins without a verb or ends in `_of`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        name = node.name
        if (
            (name.startswith("__") and name.endswith("__"))
            or name in GIVEN_NAMES
            or _has_noun_decorator(node)
        ):
            continue
        first = name.lstrip("_").split("_")[0]
        if name.endswith("_of") or first not in VERBS | PREFIXES:
            yield node.lineno, name


def find_unverbed_docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Find docstrings whose first word is no verb in the imperative."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if (
            not text
            or _is_published(node)
            or (not isinstance(node, ast.Module) and _has_noun_decorator(node))
        ):
            continue
        first = text.split()[0].strip("`.,:;()").lower()
        if first not in VERBS:
            yield getattr(node, "lineno", 1), text.splitlines()[0]


def find_banned_words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Find names that hold a word only this project would use."""
    for node in ast.walk(tree):
        name = getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "arg", None)
        if isinstance(name, str) and BANNED & set(name.lower().strip("_").split("_")):
            yield getattr(node, "lineno", 1), name


def _has_noun_decorator(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = {ast.unparse(decorator).split("(")[0].rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & NOUNS)


def _is_published(node: ast.AST) -> bool:
    if not isinstance(node, ast.ClassDef):
        return False
    bases = {ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases}
    return any(base in PUBLISHED or base.endswith(("Settings", "Event", "In", "Out")) for base in bases)


def find_all(root: Path = ROOT) -> dict[str, list[Finding]]:
    """Find everything in the product's code, by kind."""
    kinds = {
        "functions": find_unverbed_functions,
        "docstrings": find_unverbed_docstrings,
        "banned words": find_banned_words,
    }
    found: dict[str, list[Finding]] = {kind: [] for kind in kinds}
    for path in sorted(path for folder in CODE for path in (root / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for kind, find in kinds.items():
            found[kind] += [(str(path.relative_to(root)), line, text) for line, text in find(tree)]
    return found


if __name__ == "__main__":
    for kind, findings in find_all(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT).items():
        for path, line, text in findings:
            sys.stdout.write(f"{path}:{line}: {kind}: {text}\n")
        sys.stdout.write(f"{kind}: {len(findings)}\n")
