"""Bring up what the rounds break: three hosts with disks and clocks of their own, or one machine's loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from viral_local.home import Home
from viral_local.ports import pick_free_ports
from viral_local.stack.plan_store import load_plan
from viral_local.system_user import SYSTEM_DIR

from tests.chaos.faults import disks, limits
from tests.chaos.faults.clocks import Clock, build_library, make_clock
from tests.chaos.faults.disks import Disk, mount_disk
from tests.chaos.pipeline import BIN, Pipeline, ThisMachine
from tests.chaos.schedule import HOSTS, SERVERS, SERVICES
from tests.hosts import Host, make_hosts
from tests.servers import Servers

# MiB; the images are sparse, so this is no room that must be there.
DISK_SIZES = {**dict.fromkeys(SERVICES, 256), "postgres": 2048, "rabbitmq": 1024, "mlflow": 2048}
ROOT = Path(__file__).parents[2]
REFERENCE = "undisturbed"
MAKE_BASE = (
    "import sys; from pathlib import Path; from tests.factories import make_base_model; "
    "make_base_model(Path(sys.argv[1]))"
)
MAKE_REFERENCE = (
    "import sys; from viral_common.database.grants import OWNER, create_database; "
    "create_database(*sys.argv[1:], OWNER)"
)


@contextmanager
def make_three_hosts(folder: Path) -> Iterator[Pipeline]:
    """Make the hosts, start the servers on one of them, and describe the services, which are still to be started."""
    disks.remove_leftovers()
    limits.remove_leftovers()
    with ExitStack() as stack:
        root = folder / "servers"
        # The mounts in it are gone by then.
        stack.callback(lambda: shutil.rmtree(SYSTEM_DIR / Home(root).stack_id))
        mounted = {
            name: stack.enter_context(mount_disk(folder / f"{name}.img", where, DISK_SIZES[name]))
            for name, where in _choose_mounts(folder, root).items()
        }
        hosts = stack.enter_context(make_hosts(*HOSTS)).by_name
        library = build_library(folder)
        clocks = {name: make_clock(library, folder / f"{name}.clock") for name in (*SERVICES, "mlflow")}
        servers, addresses = _start_servers(hosts["servers"], root, mounted, clocks["mlflow"])
        yield Pipeline(
            servers,
            {**addresses, "VIRAL_BASE_MODEL": str(_make_base_model(folder))},
            hosts,
            folder,
            pick_free_ports(SERVICES),
            hosts,
            mounted,
            clocks,
        )


def make_this_machine(folder: Path, servers: Servers, services: tuple[str, ...] = SERVICES) -> Pipeline:
    """Describe services on loopback, beside servers that run; wires, disks and clocks are left alone."""
    settings = {
        "VIRAL_DATABASE_URL": servers.database_url,
        "VIRAL_RABBITMQ_URL": servers.rabbitmq_url,
        "VIRAL_MLFLOW_URL": servers.mlflow_url,
        "VIRAL_ALLOW_UNSIGNED": "true",
        "VIRAL_BASE_MODEL": str(_make_base_model(folder)),
    }
    here = dict.fromkeys(HOSTS, ThisMachine())
    return Pipeline(servers, settings, here, folder, pick_free_ports(SERVICES), services=services)


def make_reference_database(pipeline: Pipeline) -> str:
    """Make a database beside the pipeline's, for what is collected without faults; return its address."""
    # The superuser is known on the servers' own host alone.
    command = [sys.executable, "-c", MAKE_REFERENCE, pipeline.servers.admin_url, REFERENCE]
    pipeline.get_host("servers").run(command)
    parts = urlsplit(pipeline.servers.database_url)
    return parts._replace(path=f"/{REFERENCE}").geturl()


def _make_base_model(folder: Path) -> Path:
    """Make a narrow network to start from, in a process of its own: torch is not to stay in this one's memory."""
    base = folder / "base"
    command = [sys.executable, "-c", MAKE_BASE, str(base)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return base


def _choose_mounts(folder: Path, root: Path) -> dict[str, Path]:
    """Choose where disks are mounted: the servers' data lies where their system user may go."""
    root.mkdir()
    # Known before the servers are started, for their disks must be there by then.
    (root / "stack-id").write_text(secrets.token_hex(4))
    data = SYSTEM_DIR / Home(root).stack_id
    return {
        **{name: folder / "data" / name for name in SERVICES},
        # First, for the others lie in it.
        "postgres": data,
        "rabbitmq": data / "rabbitmq",
        "mlflow": data / "mlflow",
    }


def _start_servers(
    host: Host, root: Path, mounted: Mapping[str, Disk], clock: Clock
) -> tuple[Servers, dict[str, str]]:
    owner = Home(root).owner
    owner.make(root)
    for name in SERVERS:
        os.chown(mounted[name].mounted, *(owner.ids or (0, 0)))
    mounted["postgres"].mounted.chmod(0o755)
    # The clock of MLflow is that of who watches it, too; Postgres and RabbitMQ inherit no environment.
    env = {"VIRAL_DATA_DIR": str(root), "HOME": str(root), **clock.environment}
    host.run([BIN / "viral", "servers", "start", "--bind", host.address], env=env, cwd=root)
    plan = load_plan(Home(root))
    # Predictions go over plain HTTP; what the servers are asked is encrypted.
    return Servers.from_plan(plan), {**plan.make_service_settings(), "VIRAL_ALLOW_PLAIN": "true"}
