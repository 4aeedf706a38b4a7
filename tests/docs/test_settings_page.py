"""`.env.example` names every setting, with its description and its default."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = runpy.run_path(str(ROOT / "docs" / "generate.py"))


def test_the_file_in_the_repository_is_fresh() -> None:
    fresh = PAGES["env_example"]()

    stored = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert stored == fresh, ".env.example is stale: run `make docs`"


@pytest.mark.parametrize("group", PAGES["GROUPS"])
def test_every_setting_says_what_it_is_for(group: str) -> None:
    fields = PAGES["GROUPS"][group].model_fields

    assert [name for name, field in fields.items() if not field.description] == []


def test_a_copy_of_the_file_is_read_back_as_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = PAGES["env_example"]().replace("\n#VIRAL_", "\nVIRAL_")
    filled = filled.replace("VIRAL_DATABASE_URL=", "VIRAL_DATABASE_URL=postgresql://u:p@h/d")
    filled = filled.replace("VIRAL_RABBITMQ_URL=", "VIRAL_RABBITMQ_URL=amqp://u:p@h/v")
    # A default of "nothing" has no spelling in a file: such a line stays commented out.
    lines = [line for line in filled.splitlines() if not line.startswith("VIRAL_") or not line.endswith("=")]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    for settings in PAGES["GROUPS"].values():
        read = settings()
        for name, field in settings.model_fields.items():
            if not field.is_required():
                assert getattr(read, name) == field.get_default(call_default_factory=True), name
