"""Write a unit for each service, make its account, and give that account its secrets."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from string import Template

from viral_common.errors import UsageError

from viral_local.system_user import make_system_user

TEMPLATE = Template(Path(__file__).with_name("viral.service").read_text())
HOMES = {Path("/home"), Path("/root"), Path("/run/user")}
RUN = "Type=exec\nExecStart=$programs/viral-$name run\nTimeoutStopSec=30"
# The supervisor starts its servers again by itself, and stops each in its own way.
RUN_SERVERS = """\
Type=forking
PIDFile=%S/viral-servers/supervisor.pid
ExecStart=$programs/viral servers start
ExecStop=$programs/viral servers stop
KillMode=mixed
TimeoutStartSec=600
TimeoutStopSec=180"""
# Replies go first. What dies inside for want of memory is started, or tried, again by the service itself.
BEHIND, LIVES_ON, NO_DEVICES = "Nice=10", "OOMPolicy=continue", "PrivateDevices=yes"
# Not where code is made at run time, as torch, Postgres and RabbitMQ do.
NO_NEW_CODE = "MemoryDenyWriteExecute=yes"
LIMITS = {
    "servers": ("MemoryMax=5G", LIVES_ON, NO_DEVICES),
    "scraper": ("MemoryMax=1G", BEHIND, NO_DEVICES, NO_NEW_CODE),
    # GPUs alone, where there are any.
    "trainer": ("MemoryMax=6G", BEHIND, LIVES_ON, "DevicePolicy=closed", "DeviceAllow=char-nvidia* rw"),
    "evaluator": ("MemoryMax=2G", BEHIND, NO_DEVICES, NO_NEW_CODE),
    "gateway": ("MemoryMax=1G", NO_DEVICES, NO_NEW_CODE),
}


def render_unit(name: str, folder: Path) -> str:
    """Render a service's unit; `folder` holds its settings. Raises UsageError for an unknown name."""
    if name not in LIMITS:
        raise UsageError(f"no service: {name}; there are {', '.join(LIMITS)}")
    is_service = name != "servers"
    run = Template(RUN if is_service else RUN_SERVERS)
    places = [path for place in (sys.prefix, sys.base_prefix) for path in Path(place).resolve().parents]
    return TEMPLATE.substitute(
        name=name,
        run=run.substitute(programs=sysconfig.get_path("scripts"), name=name),
        settings=folder / ("services.env" if is_service else "servers.env"),
        home="read-only" if HOMES.intersection(places) else "yes",
        limits="\n".join(LIMITS[name]),
    )


def install_unit(name: str, folder: Path, directory: Path) -> Path:
    """Make the account, give it its secrets and certificate in `folder`, and write the unit into `directory`."""
    if os.geteuid() != 0:
        raise UsageError("only root may make accounts and units: run it with sudo")
    user, text, secrets = f"viral-{name}", render_unit(name, folder), folder / "secrets" / name
    if name != "servers" and not secrets.is_dir():
        raise UsageError(f"{secrets} is missing: copy it from the servers' host (docs/three-hosts.md)")
    make_system_user(user, f"/var/lib/{user}")
    try:
        trial = [sys.executable, "-Ic", "import viral_local"]
        subprocess.run(trial, user=user, cwd="/", check=True, capture_output=True)
    except (subprocess.CalledProcessError, OSError) as error:
        raise UsageError(
            f"the account {user} cannot read {sys.prefix}: install the packages where all may, such as /opt"
        ) from error
    for own in (secrets, folder / "certs" / name):
        for path in (own, *own.iterdir()) if own.is_dir() else ():
            path.chmod(0o700 if path.is_dir() else 0o600)
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
    target = directory / f"{user}.service"
    target.write_text(text)
    target.chmod(0o644)
    return target
