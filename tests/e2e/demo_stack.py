"""A whole stack, used as a person would: commands in a folder, pages and calls over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class DemoStack:
    """A running stack and what `viral demo` printed."""

    folder: Path
    environment: dict[str, str]
    archive: Path
    printed: str

    @property
    def stack(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(
            (Path(self.environment["VIRAL_DATA_DIR"]) / "stack.json").read_text()
        )
        return content

    def run(self, *command: str, expected: int = 0) -> str:
        """What one of the product's commands says."""
        done = self.type(*command)
        assert done.returncode == expected, f"{command} printed\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def type(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As a person does, in a folder where no `.env` lies."""
        return subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            env={**self.environment, **self._servers()},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=400,
        )

    def get(self, path: str) -> Any:
        return httpx.get(self.stack["gateway_url"] + path, timeout=20).raise_for_status().json()

    def _servers(self) -> dict[str, str]:
        # The services' own commands take the servers from the environment, as on any host.
        if not (Path(self.environment["VIRAL_DATA_DIR"]) / "stack.json").exists():
            return {}
        return {
            f"VIRAL_{name}".upper(): self.stack[name]
            for name in ("database_url", "rabbitmq_url", "mlflow_url")
        }
