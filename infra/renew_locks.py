"""Write the locks from pyproject.toml: `make locks` keeps each release that fits, UPGRADE=1 takes the newest.

A lock names exact releases and the sha256 of each of their files, for every platform. It is whole, so that pip needs to
resolve nothing (`--no-deps`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "locks"
SCRAPER = ["scraper", "bluesky", "mastodon", "parquet", "prepare", "x"]
# What each lock is made of: extras of the project, or a dependency group alone. `dev` is first, for the others take
# its releases.
EXTRAS = {
    "dev": ["dev"],
    "scraper": SCRAPER,
    "twint": [*SCRAPER, "twint"],
    "trainer": ["trainer"],
    "ray": ["ray"],
    "evaluator": ["evaluator"],
    "gateway": ["gateway"],
}
GROUPS = ["mlflow", "audit"]
# These also need the base encoder's weights, whose package has dependencies that nobody wants.
WITH_WEIGHTS = {"dev", "trainer", "ray"}
# torch comes in two kinds, and what it wants for CUDA with one of them: locks of their own, for a machine takes one.
TORCH = re.compile(r"(cuda|nvidia)-|triton$|torch$")
# What uv writes behind each line because `tool.uv.environments` lists no others.
EVERYWHERE = " ; python_full_version < '3.15' and (sys_platform == 'darwin' or sys_platform == 'linux')"
HEAD = "# Written by `make locks`. To install: pip install --no-deps --require-hashes -r locks/{name}.txt\n"

Entries = dict[str, str]


def main(upgrade: bool) -> None:
    """Write every lock."""
    weights = compile_lock("weights", ["--group=weights", "--no-deps"], upgrade)
    dev, pins = Entries(), ""
    for name, extras in EXTRAS.items():
        options = ["pyproject.toml", "--group=build", *(f"--extra={extra}" for extra in extras)]
        entries = compile_lock(name, options, upgrade, pins)
        if name == "dev":
            dev, pins = entries, "".join(f"{entry.split()[0]}\n" for entry in entries.values())
        write_lock(name, entries | (weights if name in WITH_WEIGHTS else {}))
    for name in GROUPS:
        write_lock(name, compile_lock(name, [f"--group={name}"], upgrade, pins))
    write("torch-cuda", {name: entry for name, entry in dev.items() if TORCH.match(name)})
    write("torch-cpu", {"torch": find_cpu_builds(dev["torch"].split()[0])})


def compile_lock(name: str, options: list[str], upgrade: bool, pins: str = "") -> Entries:
    """Have uv resolve; releases in the lock so far are kept if they fit."""
    with tempfile.TemporaryDirectory() as folder:
        output, limits = Path(folder, "lock.txt"), Path(folder, "constraints.txt")
        before = [path for path in (LOCKS / f"{name}.txt", LOCKS / "torch-cuda.txt") if path.exists()]
        output.write_text("".join(path.read_text(encoding="utf-8") for path in before), encoding="utf-8")
        limits.write_text(pins, encoding="utf-8")
        command = [find_uv_bin(), "pip", "compile", "--quiet", "--universal", "--python-version=3.11.5"]
        command += ["--fork-strategy=fewest", "--generate-hashes", "--no-header", f"--constraints={limits}"]
        command += [f"--output-file={output}", *(["--upgrade"] if upgrade else []), *options]
        subprocess.run(command, cwd=ROOT, check=True)
        text = re.sub(r" *# +.*constraints\.txt\n", "", output.read_text(encoding="utf-8"))
    entries = re.split(r"^(?=[a-z0-9])", text.replace(EVERYWHERE, ""), flags=re.MULTILINE)
    return {entry.split("==")[0]: entry for entry in entries if entry}


def write_lock(name: str, entries: Entries) -> None:
    """Write a lock for machines with and without a GPU."""
    write(name, {package: entry for package, entry in entries.items() if not TORCH.match(package)})


def find_cpu_builds(torch: str) -> str:
    """Find the builds of this release for the CPU, of which PyPI does not know."""
    build = f"{torch}+cpu"
    lines = (LOCKS / "torch-cpu.sha256").read_text(encoding="utf-8").splitlines()
    digests = sorted(line.split()[0] for line in lines if build.replace("==", "-") + "-" in line)
    if not digests:
        sys.exit(f"error: locks/torch-cpu.sha256: add {build} from download.pytorch.org/whl/cpu")
    return build + "".join(f" \\\n    --hash=sha256:{digest}" for digest in digests) + "\n"


def write(name: str, entries: Entries) -> None:
    """Write the entries in alphabetical order, so that a lock made again is the same."""
    text = HEAD.format(name=name) + "".join(entries[package] for package in sorted(entries))
    (LOCKS / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(upgrade="--upgrade" in sys.argv)
