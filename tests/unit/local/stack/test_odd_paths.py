"""Paths as the supervisor's own parser reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from supervisor.options import UnhosedConfigParser
from viral_common.errors import UsageError
from viral_local.home import Home
from viral_local.process.program import Program
from viral_local.process.supervisor import render_configuration

PROGRAM = Program("mlflow", "servers", ["serve"], {}, "/tmp")


@pytest.mark.parametrize("folder", ["100% mine", "C#; and more", "a;b#c", "'quoted'", "umläut =:"])
def test_an_odd_path_arrives_whole(tmp_path: Path, folder: str) -> None:
    home = Home(tmp_path / folder / ".viral")
    parser = UnhosedConfigParser()

    parser.read_string(render_configuration(home, [PROGRAM]))

    assert parser.saneget("supervisord", "logfile") == str(home.log_dir / "supervisor.log")
    assert parser.saneget("program:mlflow", "stdout_logfile") == str(home.log_dir / "mlflow.log")


@pytest.mark.parametrize("folder", ["my #1 project", "old ;new", "tab\t#", "two\nlines"])
def test_a_path_that_would_be_cut_is_refused_in_one_line(tmp_path: Path, folder: str) -> None:
    with pytest.raises(UsageError, match="rename the folder") as refusal:
        render_configuration(Home(tmp_path / folder / ".viral"), [PROGRAM])

    assert "\n" not in str(refusal.value)
