"""Make the secrets of every account, a file each, in a folder for each account."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from viral_local.errors import StackError
from viral_local.private_files import write_private

DATABASE, RABBITMQ, MLFLOW = "viral_database_password", "viral_rabbitmq_password", "viral_mlflow_password"
FORGET_KEY, MLFLOW_KEY = "viral_forget_key", "viral_mlflow_secret_key"
# Which account has which secrets; a setting's file is named like the setting.
ACCOUNTS = {
    "postgres": (DATABASE,),
    "viral": (DATABASE,),
    "mlflow": (DATABASE, MLFLOW, MLFLOW_KEY),
    "scraper": (DATABASE, RABBITMQ, FORGET_KEY),
    "trainer": (DATABASE, RABBITMQ, MLFLOW),
    "evaluator": (DATABASE, RABBITMQ, MLFLOW),
    "gateway": (DATABASE, RABBITMQ, MLFLOW),
    "operator": (DATABASE, RABBITMQ, MLFLOW),
    "notifier": (RABBITMQ,),
    "tracer": (RABBITMQ,),
}

# Whom each container runs as: the images of the product, and those of Postgres and RabbitMQ.
CONTAINER_USERS = {
    **dict.fromkeys(("mlflow", "scraper", "trainer", "evaluator", "gateway"), 10001),
    **dict.fromkeys(("postgres", "rabbitmq"), 999),
}
# MLflow makes its administrator itself, and so does RabbitMQ.
COPIED = {("mlflow", MLFLOW): ("operator", MLFLOW)}
BROKERS_OPERATOR = "rabbitmq/operator.conf"


@dataclass(frozen=True)
class SecretFiles:
    """Read and make the secrets in a folder."""

    root: Path

    def make(self) -> None:
        """Make those that are missing, readable by their owner alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for account, names in ACCOUNTS.items():
            for name in names:
                if (account, name) not in COPIED:
                    self._write_missing(f"{account}/{name}", secrets.token_urlsafe(24))
        for (account, name), original in COPIED.items():
            self._write_missing(f"{account}/{name}", self.read(*original))
        operator = f"default_user = operator\ndefault_pass = {self.read('operator', RABBITMQ)}"
        self._write_missing(BROKERS_OPERATOR, operator)

    def read(self, account: str, name: str) -> str:
        """Read one. Raises StackError if it is missing."""
        try:
            return (self.root / account / name).read_text().strip()
        except FileNotFoundError as error:
            raise StackError(
                f"{error.filename} is missing: `viral servers secrets {self.root}` makes it"
            ) from error

    def read_all(self, name: str) -> dict[str, str]:
        """Read one of each account that has it."""
        return {account: self.read(account, name) for account, names in ACCOUNTS.items() if name in names}

    def _write_missing(self, name: str, text: str) -> None:
        path = self.root / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(path, f"{text}\n")

    def describe(self, account: str) -> list[str]:
        """Describe an account's passwords, a line each."""
        return [f"{account}, {name.split('_')[1]}: {self.read(account, name)}" for name in ACCOUNTS[account]]

    def give_to(self, account: str, owner: int) -> None:
        """Give an account's files to the user id that its container runs as."""
        for path in (self.root / account, *(self.root / account).iterdir()):
            os.chown(path, owner, owner)
