"""Join the Ray cluster that a setting names (docs/scaling-out.md)."""

from __future__ import annotations

import os
import socket
import time
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from viral_common.errors import ServerAway, UsageError
from viral_common.settings import CommonSettings

POLL_S, PROBE_TIMEOUT_S = 0.2, 5.0


class RaySettings(CommonSettings):
    """Where a service computes what may be too much for one machine."""

    ray_address: str = Field(
        default="",
        description="Ray cluster for trainings and backfills: auto (this machine's), host:port or ray://host:port; "
        "empty: this machine, without Ray",
    )
    ray_token: SecretStr | None = Field(
        default=None,
        description="Token that the Ray cluster asks for (RAY_AUTH_MODE=token); best from a file",
    )

    @field_validator("ray_address")
    @classmethod
    def _check_ray_address(cls, value: str) -> str:
        parts = urlsplit(value if "://" in value else f"ray://{value}")
        if value not in ("", "auto") and not (parts.scheme == "ray" and parts.hostname and parts.port):
            raise ValueError("it must be auto, host:port or ray://host:port")
        return value


def join_ray(settings: RaySettings) -> str:
    """Connect this process to the cluster; returns its head's host:port.

    Raises UsageError without Ray, ServerAway, which says what is wrong with the cluster.
    """
    address, token = settings.ray_address, settings.ray_token
    # Ray reads these when it is imported.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if token is not None:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = token.get_secret_value()
    try:
        import ray
        from ray.exceptions import RayError
    except ModuleNotFoundError as error:
        raise UsageError(
            "VIRAL_RAY_ADDRESS needs Ray: install viral-tweets[ray], or locks/ray.txt"
        ) from error
    head = address.removeprefix("ray://")
    if address != "auto":  # Ray itself would try for a long time
        require_head(head)
    try:
        # What workers print stays in Ray's logs, on their hosts.
        ray.init(address, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise ServerAway(
            f"the Ray cluster at {address} cannot be joined (is VIRAL_RAY_TOKEN its token?): {join_lines(error)}"
        ) from error
    return str(ray.get_runtime_context().gcs_address) if address == "auto" else head


def require_head(address: str, wait_s: float = 0.0) -> None:
    """Raise ServerAway if Ray's head does not answer within `wait_s`."""
    parts, until = urlsplit(f"//{address}"), time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection((str(parts.hostname), int(parts.port or 0)), PROBE_TIMEOUT_S).close()
        except OSError as error:
            if time.monotonic() >= until:
                raise ServerAway(
                    f"the head of the Ray cluster at {address} does not answer ({error})"
                ) from error
            time.sleep(POLL_S)
        else:
            return


def join_lines(error: BaseException) -> str:
    """Put what Ray says over many lines into one."""
    return " ".join(str(error).split())[:500]
