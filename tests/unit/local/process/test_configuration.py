"""What is written for the supervisor, and what must not stand in it."""

from __future__ import annotations

from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path

import pytest
from viral_local.home import Home
from viral_local.private_files import read_json, write_private
from viral_local.process.program import Program, locate_program_file, write_program
from viral_local.process.supervisor import render_configuration


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "100% mine" / ".viral")
    home.programs_dir.mkdir(parents=True)
    return home


PROGRAM = Program("mlflow", "servers", ["serve", "it"], {"URL": "postgresql://mlflow:s3cret@host/"}, "/tmp")


def parsed(home: Home, *programs: Program) -> RawConfigParser:
    parser = RawConfigParser()
    parser.read_string(render_configuration(home, programs))
    return parser


def test_passwords_are_in_a_private_file_only(home: Home) -> None:
    write_program(home, PROGRAM)

    assert "s3cret" not in render_configuration(home, [PROGRAM])
    assert "s3cret" in locate_program_file(home, "mlflow").read_text()
    assert locate_program_file(home, "mlflow").stat().st_mode & 0o777 == 0o600


def test_only_the_person_may_talk_to_the_supervisor(home: Home) -> None:
    assert parsed(home)["unix_http_server"]["chmod"] == "0600"


def test_nothing_starts_by_itself_and_everything_starts_again(home: Home) -> None:
    section = parsed(home, PROGRAM)["program:mlflow"]

    assert section["autostart"] == "false"
    assert section["autorestart"] == "true"


def test_services_stop_before_servers_and_servers_before_databases(home: Home) -> None:
    trainer = replace(PROGRAM, name="trainer", group="services")
    postgres = replace(PROGRAM, name="postgres", group="base")

    conf = parsed(home, PROGRAM, trainer, postgres)

    ranks = [int(conf[f"group:{name}"]["priority"]) for name in ("base", "servers", "services")]
    assert ranks == sorted(ranks)


def test_a_percent_sign_in_the_path_is_not_expanded(home: Home) -> None:
    assert "100%% mine" in parsed(home)["supervisord"]["logfile"]


def test_a_path_too_long_for_a_socket_goes_to_the_temporary_folder(tmp_path: Path) -> None:
    deep = Home(tmp_path / ("d" * 100) / ".viral")

    assert len(str(deep.socket)) < 90


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    write_private(path, '{"a": 1}')

    write_private(path, '{"b": 2}')

    assert read_json(path) == {"b": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["stack.json"]
