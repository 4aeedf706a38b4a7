"""Machines that are set up by a page's commands: hosts with an /etc, a /var and an /opt of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import Host, Hosts, make_hosts
from tests.rabbitmq4 import unpack_rabbitmq4

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "failover.md"
PROJECT = "/opt/viral-tweets"
NAMES = ("one", "two", "three")
ENTER = """\
for folder in $NEWER; do mount --bind "$NEWER_ROOT/$folder" "/$folder" || exit 1; done
for folder in etc var root run opt mnt; do mount --rbind "$0/$folder" "/$folder" || exit 1; done
cd /opt/viral-tweets && exec "$@"
"""
# What the page installs is there already, by the Makefile: one look instead of three installations.
APT_GET = """\
#!/bin/sh
shift
for package; do case $package in -*) ;; *) dpkg -s "$package" >/dev/null || exit 1 ;; esac; done
"""


@dataclass(frozen=True)
class Machine:
    """A host with files of its own."""

    host: Host
    folder: Path

    @property
    def name(self) -> str:
        return self.host.name

    def run(self, command: str, timeout_s: float = 120, check: bool = True) -> str:
        """Run a line of shell as root, in the project's folder."""
        enter: list[str | Path] = ["sh", "-c", ENTER, self.folder, "bash", "-euo", "pipefail", "-c", command]
        done = self.host.run(enter, env=self._make_environment(), timeout_s=timeout_s, check=check)
        return done.stdout

    def start(self, command: Sequence[str | Path], log: Path, **env: str) -> subprocess.Popen[bytes]:
        enter: list[str | Path] = ["sh", "-c", ENTER, self.folder, *command]
        return self.host.start(enter, env={**self._make_environment(), **env}, log=log)

    def lose(self) -> None:
        """Let it vanish: nothing runs, and nobody is told."""
        self.host.power_off()

    def boot(self) -> None:
        """Start it again, with what was enabled."""
        shutil.rmtree(self.folder / "run")
        make_run(self.folder)
        self.host.heal()
        self.run("systemctl boot")

    def _make_environment(self) -> dict[str, str]:
        programs = f"{PROJECT}/tests/integration/failover"
        newer = os.environ.get("VIRAL_TEST_RABBITMQ") == "4"
        return {
            # RabbitMQ and Erlang of a newer release, over this system's.
            "NEWER": "usr/lib/rabbitmq usr/lib/erlang" if newer else "",
            "NEWER_ROOT": str(unpack_rabbitmq4()) if newer else "",
            "PATH": f"{self.folder.parent}/bin:{programs}:{PROJECT}/.venv/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root",
        }


@dataclass(frozen=True)
class Machines:
    """The three of them."""

    hosts: Hosts
    folder: Path
    page: Path
    addresses: Mapping[str, str]
    """Those that the page has, and the hosts' true ones."""

    def __getitem__(self, name: str) -> Machine:
        return Machine(self.hosts[name], self.folder / name)

    def __iter__(self) -> Iterator[Machine]:
        return (self[host.name] for host in self.hosts)

    def follow(self, *headings: str) -> None:
        """Run the commands below these headings of the page, each where its first line says."""
        for heading in headings:
            for where, commands in read_commands(heading, self.page, [host.name for host in self.hosts]):
                for written, true in self.addresses.items():
                    commands = commands.replace(written, true)
                for machine in self:
                    if machine.name in where:
                        machine.run(commands, timeout_s=600)


def read_commands(heading: str, page: Path, names: Sequence[str]) -> list[tuple[set[str], str]]:
    """Read the commands below a heading, each with the names of the hosts where it runs."""
    section_of = rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)"
    (section,) = re.findall(section_of, page.read_text(), re.DOTALL | re.MULTILINE)
    found = re.findall(r"^```bash\n# on (.*?)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert found, heading
    any_name = rf"\b(?:{'|'.join(names)})\b"
    return [(set(re.findall(any_name, where)), commands) for where, commands in found]


@contextmanager
def make_machines(
    folder: Path, names: Sequence[str] = NAMES, page: Path = PAGE, addresses: Sequence[str] = ()
) -> Iterator[Machines]:
    """Make them; all of it ends with the block."""
    (folder / "bin").mkdir()
    (folder / "bin" / "apt-get").write_text(APT_GET)
    (folder / "bin" / "apt-get").chmod(0o755)
    (folder / "mnt" / "viral-artefacts").mkdir(parents=True)
    folder.chmod(0o755)
    with ExitStack() as mounts, make_hosts(*names) as hosts:
        _mount(mounts, ROOT, folder / "opt" / "viral-tweets", folder / "project")
        for host in hosts:
            own = folder / host.name
            for part in ("etc", "var", "root"):
                _mount(mounts, Path("/", part), own / part, own / f".{part}")
            (own / "root").chmod(0o755)  # Python may be in there, and services are no root
            (own / "etc" / "hosts").write_text(Path("/etc/netns", host.namespace, "hosts").read_text())
            (own / "etc" / "hostname").write_text(f"{host.name}\n")
            make_run(own)
            for shared in ("opt", "mnt"):
                (own / shared).symlink_to(folder / shared)
        true = [host.address for host in hosts]
        yield Machines(hosts, folder, page, dict(zip(addresses, true, strict=False)))


def make_run(own: Path) -> None:
    """Make what systemd-tmpfiles makes at each start."""
    (own / "run").mkdir()
    (own / "run" / "postgresql").mkdir()
    shutil.chown(own / "run" / "postgresql", "postgres", "postgres")


def _mount(mounts: ExitStack, lower: Path, place: Path, kept: Path) -> None:
    """Show `lower` at `place`; what is written there stays below `kept`."""
    for path in (place, kept / "upper", kept / "work"):
        path.mkdir(parents=True)
    options = f"lowerdir={lower},upperdir={kept}/upper,workdir={kept}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)
    mounts.callback(lambda: subprocess.run(["umount", "-l", place], check=True))
