"""`.env.example` names every setting, with its description and its default."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from viral_local.settings import LocalSettings

ROOT = Path(__file__).parents[2]
PAGES = runpy.run_path(str(ROOT / "docs" / "generate.py"))


def test_the_file_in_the_repository_is_fresh() -> None:
    fresh = PAGES["render_env_example"]()

    stored = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert stored == fresh, ".env.example is stale: run `make docs`"


@pytest.mark.parametrize("group", PAGES["GROUPS"])
def test_every_setting_says_what_it_is_for(group: str) -> None:
    fields = PAGES["GROUPS"][group].model_fields

    assert [name for name, field in fields.items() if not field.description] == []


def test_a_copy_of_the_file_is_read_back_as_the_defaults(tmp_path: Path) -> None:
    filled = PAGES["render_env_example"]().replace("\n#VIRAL_", "\nVIRAL_")
    filled = filled.replace("VIRAL_DATABASE_URL=", "VIRAL_DATABASE_URL=postgresql://u:p@localhost/d")
    filled = filled.replace("VIRAL_RABBITMQ_URL=", "VIRAL_RABBITMQ_URL=amqp://u:p@localhost/v")
    # A default of "nothing" has no spelling in a file: such a line stays commented out.
    lines = [line for line in filled.splitlines() if not line.startswith("VIRAL_") or not line.endswith("=")]
    filled_in = tmp_path / ".env"
    filled_in.write_text("\n".join(lines), encoding="utf-8")

    for settings in PAGES["GROUPS"].values():
        read = settings(_env_file=filled_in)
        for name, field in settings.model_fields.items():
            # Of the health port there is a default for each service.
            if not field.is_required() and name != "health_port":
                assert getattr(read, name) == field.get_default(call_default_factory=True), name


def test_every_variable_that_a_page_names_exists() -> None:
    known = set(re.findall(r"VIRAL_\w+", PAGES["render_env_example"]()))
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    known |= set(re.findall(r"^\| `(VIRAL_\w+)` \|", operations, re.MULTILINE))

    named = {
        name
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for name in re.findall(r"VIRAL_\w+", page.read_text(encoding="utf-8"))
    }

    assert named - known == set()


def test_every_setting_of_the_launcher_is_one_of_a_service_too() -> None:
    known = {name for settings in PAGES["GROUPS"].values() for name in settings.model_fields}

    # How servers listen is nothing that a service asks: their addresses say so.
    assert set(LocalSettings.model_fields) - known == {"tls", "bind_address", "cert_hosts"}


def test_every_variable_that_only_tests_read_is_on_the_operations_page() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/*.py"))

    assert [name for name in re.findall(r"VIRAL_TEST_\w+", sources) if name not in operations] == []
