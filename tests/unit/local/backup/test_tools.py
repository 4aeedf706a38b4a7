"""Which of the installed tools are used: those of the server's own version, else the next newer ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from viral_common.errors import UsageError
from viral_local.backup import tools
from viral_local.backup.tools import find_tools

PLAIN, ENCRYPTED = "postgresql://127.0.0.1/viral", "postgresql://db/viral?sslmode=verify-full"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres 15 of Debian, 16 and 18 without TLS; none in PATH."""

    def list_programs(_: str, encrypted: bool) -> dict[int, Path]:
        debian = {15: Path("/debian/15")}
        return debian if encrypted else debian | {16: Path("/wheel/16"), 18: Path("/wheel/18")}

    monkeypatch.setattr(tools, "list_programs", list_programs)
    monkeypatch.setattr("shutil.which", lambda _: None)


@pytest.mark.parametrize(("server", "used"), [(15, 15), (16, 16), (17, 18), (18, 18)])
def test_the_oldest_that_fit_are_used(server: int, used: int) -> None:
    assert find_tools(server, PLAIN).version == used


@pytest.mark.parametrize(("server", "url"), [(19, PLAIN), (16, ENCRYPTED)])
def test_where_all_are_older_one_line_says_what_to_install(server: int, url: str) -> None:
    with pytest.raises(UsageError, match=f"apt-get install postgresql-client-{server}") as error:
        find_tools(server, url)

    assert "\n" not in str(error.value)
    assert ("with TLS" in str(error.value)) == (url == ENCRYPTED)


def test_an_encrypted_address_is_for_tools_that_encrypt() -> None:
    assert find_tools(15, ENCRYPTED).folder == Path("/debian/15")
