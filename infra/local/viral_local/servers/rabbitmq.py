"""Run the private RabbitMQ node.

Its own name, ports, data, plugins and user; the machine's own node is never touched.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.ports import LOOPBACK
from viral_local.private_files import write_private
from viral_local.process.program import Program

ADMIN = "operator"
PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus", "rabbitmq_tracing")
# Debian's /usr/sbin/rabbitmq-server is a wrapper for root that runs the node as the machine's own.
SERVER_PATHS: tuple[str, ...] = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
)
BIN_DIRS: tuple[str, ...] = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/bin")


def find_server() -> Path | None:
    """Find the start script that takes its settings from the environment, or None."""
    return next((path for path in map(Path, SERVER_PATHS) if os.access(path, os.X_OK)), None)


def find_epmd() -> str | None:
    """Find Erlang's name server, which a node needs to start."""
    erlang = map(str, Path("/usr/lib/erlang").glob("erts-*/bin"))
    return shutil.which("epmd", path=os.pathsep.join([*BIN_DIRS, *erlang]))


def explain_installation() -> str:
    """Explain in one line what a person without RabbitMQ can do."""
    install = (
        "`brew install rabbitmq`"
        if sys.platform == "darwin"
        else "`make setup` or `apt-get install rabbitmq-server`"
    )
    return f"RabbitMQ is not installed: {install}, or point VIRAL_RABBITMQ_URL at a server"


def make_programs(home: Home, ports: dict[str, int]) -> list[Program]:
    """Make the programs of epmd, on a port of its own, and of the node.

    Raises StackError if RabbitMQ is not installed.
    """
    server, epmd = find_server(), find_epmd()
    if server is None or epmd is None:
        raise StackError(explain_installation())
    data = home.owner.data_dir / "rabbitmq"
    common = {
        "PATH": os.pathsep.join([str(Path(epmd).parent), *BIN_DIRS]),
        "LANG": "C.UTF-8",
        "HOME": str(data),
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "ERL_EPMD_ADDRESS": LOOPBACK,
    }
    return [
        Program("epmd", "base", [epmd], common, str(data), home.owner.user),
        Program(
            "rabbitmq",
            "servers",
            [str(server)],
            {**common, **_make_node_env(home, data, ports)},
            str(data),
            home.owner.user,
            stop_wait_s=40,
        ),
    ]


def configure(
    home: Home, ports: dict[str, int], password: str, addresses: Sequence[str] = (LOOPBACK,)
) -> None:
    """Write the node's configuration. The operator is its first user, so the broker never makes `guest`."""
    data = home.owner.make_dir(home.owner.data_dir / "rabbitmq")
    traces = home.owner.make_dir(data / "traces")
    settings: dict[str, object] = {
        "management.tcp.ip": LOOPBACK,
        "management.tcp.port": ports["console"],
        "prometheus.tcp.ip": LOOPBACK,
        "prometheus.tcp.port": ports["prometheus"],
        # Of what anybody sends; events are far smaller.
        "max_message_size": 1 << 20,
        "default_user": ADMIN,
        "default_pass": password,
        "log.console": "true",
        "log.file": "false",
    }
    kind = "ssl" if home.has_tls else "tcp"
    for number, address in enumerate(addresses, start=1):
        settings[f"listeners.{kind}.{number}"] = f"{address}:{ports['rabbitmq']}"
    if home.has_tls:
        tls = home.locate_tls_dir("rabbitmq")
        settings |= {
            "listeners.tcp": "none",
            "ssl_options.cacertfile": tls / "ca.crt",
            "ssl_options.certfile": tls / "tls.crt",
            "ssl_options.keyfile": tls / "tls.key",
            "ssl_options.verify": "verify_none",
        }
    files = {
        "rabbitmq.conf": "".join(f"{name} = {value}\n" for name, value in settings.items()),
        "advanced.config": f'[{{rabbitmq_tracing, [{{directory, "{traces}"}}]}}].\n',
        "enabled_plugins": f"[{','.join(PLUGINS)}].\n",
        # Instead of the machine's /etc/rabbitmq/rabbitmq-env.conf.
        "rabbitmq-env.conf": "",
    }
    for name, text in files.items():
        write_private(data / name, text, home.owner.ids)


def find_outage(console_url: str) -> str | None:
    """Find what is wrong; None if the console answers whom its address names."""
    try:
        reply = httpx.get(f"{console_url}/api/whoami", timeout=5, trust_env=False)
    except httpx.TransportError as error:
        return str(error) or type(error).__name__
    return None if reply.is_success else f"the console answers {reply.status_code}"


def _make_node_env(home: Home, data: Path, ports: dict[str, int]) -> dict[str, str]:
    return {
        # The start script then becomes the node instead of waiting for it: the pid we watch is the broker's.
        "RUNNING_UNDER_SYSTEMD": "true",
        "RABBITMQ_NODENAME": f"viral-{home.stack_id}@localhost",
        "RABBITMQ_DIST_PORT": str(ports["distribution"]),
        # Erlang's own port on loopback too; no second epmd beside ours.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": str(data / "rabbitmq-env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(data / "node.pid"),
    }
