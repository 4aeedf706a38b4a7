"""Real servers for the tests: started once, on free ports, in a temporary folder; each test gets its own corner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import httpx
import pytest
import viral_common.settings
from pydantic_settings import BaseSettings
from sqlalchemy import create_engine, text
from viral_common.bus.operations import prepare_broker
from viral_common.database.engine import Sessions, connect, connect_to, make_sessions
from viral_common.settings import CommonSettings, SettingsWithSecrets
from viral_local.prepare.postgres import prepare_tables
from viral_local.settings import LocalSettings
from viral_scraper.stores.partitions import add_months, find_month

from tests.rabbitmq4 import choose_broker
from tests.servers import Servers, started_servers

# OpenMP's threads spin while they wait, which takes the cores from other processes. Read once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

TEST_DATA = Path(os.environ.get("VIRAL_TEST_DATA", "../shared/data"))
# Files that take longest. With several processes they go first: begun last, one would keep the others waiting.
LONGEST = (
    "e2e/test_demo.py",
    "containers/test_install_steps.py",
    "model/test_behaviour.py",
    "integration/trainer/test_trainer.py",
    "integration/local/test_stack.py",
    "integration/local/test_backup.py",
    "integration/delivery/test_attempts.py",
    "integration/delivery/test_kills.py",
    "integration/scraper/test_backfill.py",
    "integration/scraper/test_kills.py",
    "integration/gateway/test_gateway_process.py",
    "integration/gateway/test_workers.py",
    "integration/gateway/test_signatures.py",
    "integration/security/test_database_roles.py",
    "unit/trainer/model/test_encoder.py",
    "fuzz/test_fuzz.py",
)


def pytest_configure() -> None:
    """Neither a developer's environment nor a `.env` nor a running stack reaches a test or a fixture.

    Settings that are imported later inherit that; what a test starts as a process gets a working folder of its own.
    """
    for name in [name for name in os.environ if name.startswith("VIRAL_")]:
        if not name.startswith("VIRAL_TEST_"):
            del os.environ[name]
    viral_common.settings.STACKS_SECRETS = "none"
    for base in (SettingsWithSecrets, LocalSettings):
        for settings in _with_subclasses(base):
            settings.model_config["env_file"] = None
    choose_broker()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; what takes long for what it finds, in `make long` only."""
    if not os.environ.get("VIRAL_TEST_LONG"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip("takes long: `make long`"))
    order = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Postgres, RabbitMQ and MLflow."""
    with started_servers(tmp_path_factory.mktemp("servers")) as urls:
        yield urls


@pytest.fixture(scope="session")
def _migrated_template(servers: Servers) -> str:
    """The name of a database with the newest schema, to be copied."""
    name = f"template_{uuid4().hex[:8]}"
    _in_postgres(servers, f'CREATE DATABASE "{name}"')
    prepare_tables(_with_path(servers.database_url, name))
    engine = connect_to(_with_path(servers.database_url, name), "tests")
    # Of the tweets that tests store or move by themselves; all others bring the months they need.
    lately = [datetime.now(UTC) - timedelta(days=days) for days in (31, 15, 0)]
    start = [
        datetime(2025, 12, 1, tzinfo=UTC),
        *(datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 5)),
    ]
    add_months(make_sessions(engine), map(find_month, start + lately))
    engine.dispose()
    return name


@pytest.fixture
def database_url(servers: Servers, _migrated_template: str) -> Iterator[str]:
    """An empty database of the newest schema."""
    with own_database(servers, _migrated_template) as url:
        yield url


@pytest.fixture
def rabbitmq_url(servers: Servers) -> Iterator[str]:
    """A virtual host of its own."""
    with own_vhost(servers) as url:
        yield url


@pytest.fixture
def mlflow_url(servers: Servers) -> str:
    """The tracking server; tests share it, so they look for their own runs."""
    return servers.mlflow_url


@pytest.fixture
def settings(database_url: str, rabbitmq_url: str, mlflow_url: str, tmp_path: Path) -> CommonSettings:
    """For a service under test: short waits."""
    return CommonSettings.model_validate(
        {
            "database_url": database_url,
            "rabbitmq_url": rabbitmq_url,
            "mlflow_url": mlflow_url,
            "data_dir": tmp_path,
            "lease_s": 2,
            "retry_base_s": 0.1,
            "retry_limit": 3,
        }
    )


@pytest.fixture
def db(settings: CommonSettings) -> Iterator[Sessions]:
    """Transactions in the test's own database."""
    engine = connect(settings, "tests")
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def tweets_file() -> Path:
    """Real tweets, where there are any on this machine."""
    path = TEST_DATA / "ukraine_oil.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no real tweets at {path}; set VIRAL_TEST_DATA")
    return path


@contextmanager
def own_database(servers: Servers, template: str) -> Iterator[str]:
    """A copy of `template`, dropped at the end."""
    name = f"test_{uuid4().hex[:8]}"
    _in_postgres(servers, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _with_path(servers.database_url, name)
    # WITH (FORCE) is refused while autovacuum is at work there, which a plain DROP asks to leave.
    _in_postgres(
        servers,
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{name}' AND usename = current_user",
        f'DROP DATABASE "{name}"',
    )


@contextmanager
def own_vhost(servers: Servers) -> Iterator[str]:
    """A virtual host, deleted at the end."""
    name = f"test-{uuid4().hex[:8]}"
    user = urlsplit(servers.rabbitmq_url).username
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    with console(servers) as api:
        api.put(f"/api/vhosts/{name}").raise_for_status()
        api.put(f"/api/permissions/{name}/{user}", json=rights).raise_for_status()
        url = _with_path(servers.rabbitmq_url, name)
        prepare_broker(url)
        yield url
        api.delete(f"/api/vhosts/{name}").raise_for_status()


def console(servers: Servers) -> httpx.Client:
    """RabbitMQ's management API."""
    credentials = urlsplit(servers.rabbitmq_url)
    return httpx.Client(
        base_url=servers.rabbitmq_console_url,
        auth=(credentials.username or "", credentials.password or ""),
        timeout=60,
        verify=False,  # there is no TLS here, and reading certificates takes longer than a request
    )


def _with_subclasses(base: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    yield base
    for subclass in base.__subclasses__():
        yield from _with_subclasses(subclass)


def _with_path(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name)}"))


def _in_postgres(servers: Servers, *statements: str) -> None:
    engine = create_engine(
        servers.database_url.replace("postgresql://", "postgresql+psycopg2://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
