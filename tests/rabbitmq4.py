"""RabbitMQ 4 for the tests: the programs of Debian 13's package, unpacked into a folder beside this system's own."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from viral_local.servers import rabbitmq

# Root's tests run the broker as a system user, who does not reach root's home.
CACHE = Path("/var/cache/viral-tests") if os.geteuid() == 0 else Path.home() / ".cache" / "viral-tests"
SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Everything is downloaded as if nothing were installed, and nothing is.
APT_CONF = """\
Dir::State "{root}/state";
Dir::State::status "{root}/state/status";
Dir::Cache "{root}/cache";
Dir::Etc::SourceList "{root}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Parts "/dev/null";
APT::Sandbox::User "{user}";
"""
# This system's C library is older: each program is run by the loader and with the libraries of its own release.
WRAPPER = """\
#!/bin/sh
exec {loader} --library-path {libraries} --argv0 "$0" {program} "$@"
"""


def choose_broker() -> None:
    """Let the launcher start the broker that VIRAL_TEST_RABBITMQ names: 3, this system's own, or 4."""
    chosen = os.environ.get("VIRAL_TEST_RABBITMQ", "3")
    if chosen not in ("3", "4"):
        raise ValueError(f"VIRAL_TEST_RABBITMQ={chosen}: it is 3 (this system's own broker) or 4")
    if chosen == "4":
        use_programs(unpack_rabbitmq4())


def use_programs(root: Path) -> None:
    """Let the launcher of this process find the broker and Erlang below `root` first."""
    rabbitmq.SERVER_PATHS = (f"{root}/usr/lib/rabbitmq/bin/rabbitmq-server",)
    rabbitmq.BIN_DIRS = (f"{root}/usr/lib/erlang/bin", *rabbitmq.BIN_DIRS)


def unpack_rabbitmq4() -> Path:
    """Download and unpack the package with all that it needs, once for this machine, and return the folder."""
    CACHE.mkdir(parents=True, exist_ok=True)
    root = CACHE / f"rabbitmq-{SUITE}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            unfinished = CACHE / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            for package in _download(unfinished / "apt"):
                subprocess.run(["dpkg", "-x", package, unfinished / "root"], check=True)
            _make_relocatable(unfinished / "root", root)
            (unfinished / "root").rename(root)
            shutil.rmtree(unfinished)
    return root


def _download(folder: Path) -> list[Path]:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "state" / "status").touch()
    source = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {SUITE} main\n"
    (folder / "sources.list").write_text(source)
    (folder / "apt.conf").write_text(APT_CONF.format(root=folder, user=os.environ.get("USER", "root")))
    for command in (
        ["update"],
        ["install", "--download-only", "-y", "--no-install-recommends", "rabbitmq-server"],
    ):
        subprocess.run(
            ["apt-get", "-qq", *command],
            env={**os.environ, "APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C"},
            check=True,
            capture_output=True,
        )
    return sorted((folder / "cache" / "archives").glob("*.deb"))


def _make_relocatable(root: Path, place: Path) -> None:
    """Have Erlang's programs find each other and their libraries once `root` is at `place`."""
    (loader,) = root.glob("usr/lib*/ld-linux*.so.?")
    (libraries,) = root.glob("usr/lib/*-linux-gnu")
    for path in list((root / "usr/lib/erlang").rglob("bin/*")):
        if path.is_symlink() or not path.is_file():
            continue
        if not path.read_bytes().startswith(b"\x7fELF"):
            path.write_bytes(
                path.read_bytes().replace(b"/usr/lib/erlang", f"{place}/usr/lib/erlang".encode())
            )
            continue
        program = path.rename(path.with_name(f"{path.name}.elf"))
        named = {"loader": loader, "libraries": libraries, "program": program}
        path.write_text(
            WRAPPER.format(**{name: place / one.relative_to(root) for name, one in named.items()})
        )
        path.chmod(0o755)
