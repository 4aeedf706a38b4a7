"""What each account of MLflow is refused, tried for real, and that it can do its own work."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from viral_common.addresses import split_account
from viral_local.prepare.secret_files import MLFLOW

from tests.servers import Servers

API, FILES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
OpenAs = Callable[[str], httpx.Client]


@pytest.fixture
def open_as(servers: Servers) -> Iterator[OpenAs]:
    """A client, as any account, or as nobody."""
    url, _ = split_account(servers.mlflow_url)
    opened = []

    def open_client(account: str) -> httpx.Client:
        auth = (account, servers.secrets.read(account, MLFLOW)) if account else None
        # Where a request is refused with its body unread, gunicorn may leave the next one on the connection waiting.
        opened.append(
            httpx.Client(
                base_url=url, auth=auth, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)
            )
        )
        return opened[-1]

    yield open_client
    for client in opened:
        client.close()


@pytest.fixture
def experiment(open_as: OpenAs) -> str:
    """The id of the product's experiment."""
    reply = open_as("trainer").get(
        f"{API}/experiments/get-by-name", params={"experiment_name": "tweet-virality"}
    )
    return str(reply.json()["experiment"]["experiment_id"])


@pytest.fixture
def run(open_as: OpenAs, experiment: str) -> str:
    """The id of a run of the trainer's, with a file."""
    trainer = open_as("trainer")
    made = trainer.post(f"{API}/runs/create", json={"experiment_id": experiment, "start_time": 1})
    run_id = str(made.json()["run"]["info"]["run_id"])
    trainer.put(f"{FILES}/{experiment}/{run_id}/artifacts/a.txt", content=b"true").raise_for_status()
    return run_id


def test_without_an_account_nothing_is_read_or_written(open_as: OpenAs, experiment: str, run: str) -> None:
    nobody = open_as("")
    replies = [
        nobody.get(f"{API}/experiments/search", params={"max_results": 1}),
        nobody.get(f"{API}/runs/get", params={"run_id": run}),
        nobody.post(f"{API}/runs/create", json={"experiment_id": experiment}),
        nobody.post(f"{API}/runs/delete", json={"run_id": run}),
        nobody.get(f"{FILES}/{experiment}/{run}/artifacts/a.txt"),
        nobody.put(f"{FILES}/{experiment}/{run}/artifacts/a.txt", content=b"false"),
        nobody.get(FILES, params={"path": experiment}),
        nobody.get("/get-artifact", params={"path": "a.txt", "run_uuid": run}),
        nobody.post(f"{API}/users/create", json={"username": "me", "password": "long enough to count"}),
        nobody.post("/graphql", json={"query": "{ mlflowGetExperiment { experiment { name } } }"}),
        nobody.get("/signup"),
        nobody.get("/"),
    ]

    assert [
        (str(one.request.url), one.status_code) for one in replies if one.status_code not in REFUSED
    ] == []


@pytest.mark.parametrize("account", ["gateway", "evaluator", "trainer"])
def test_no_account_makes_or_changes_accounts(open_as: OpenAs, account: str) -> None:
    client = open_as(account)
    new = {"username": f"me-{account}", "password": "long enough to count"}
    replies = [
        client.post(f"{API}/users/create", json=new),
        client.patch(f"{API}/users/update-admin", json={"username": account, "is_admin": True}),
        client.patch(f"{API}/users/update-password", json={"username": "operator", "password": "x" * 20}),
        client.request("DELETE", f"{API}/users/delete", json={"username": "operator"}),
        client.post(
            "/api/3.0/mlflow/users/permissions/grant",
            json={
                "username": "gateway",
                "resource_type": "registered_model",
                "resource_id": "*",
                "permission": "MANAGE",
            },
        ),
        client.post(f"{API}/webhooks", json={"name": "x", "url": "http://127.0.0.1:1/", "events": []}),
    ]

    assert [(str(one.request.url), one.status_code) for one in replies if one.is_success] == []


def test_the_gateway_reads_and_changes_nothing(open_as: OpenAs, experiment: str, run: str) -> None:
    gateway = open_as("gateway")
    path = f"{FILES}/{experiment}/{run}/artifacts/a.txt"
    replies = [
        gateway.post(f"{API}/runs/create", json={"experiment_id": experiment}),
        gateway.post(f"{API}/runs/set-tag", json={"run_id": run, "key": "k", "value": "v"}),
        gateway.post(f"{API}/runs/delete", json={"run_id": run}),
        gateway.put(path, content=b"false"),
        gateway.delete(path),
        gateway.post(
            f"{API}/registered-models/alias",
            json={"name": "tweet-virality", "alias": "champion", "version": "1"},
        ),
        gateway.post(
            f"{API}/model-versions/create", json={"name": "tweet-virality", "source": "x", "run_id": run}
        ),
    ]

    assert [
        (str(one.request.url), one.status_code) for one in replies if one.status_code not in REFUSED
    ] == []
    assert gateway.get(path).content == b"true"


def test_the_evaluator_annotates_and_deletes_no_experiment(
    open_as: OpenAs, experiment: str, run: str
) -> None:
    evaluator = open_as("evaluator")

    tagged = evaluator.post(f"{API}/runs/set-tag", json={"run_id": run, "key": "viral.x", "value": "v"})
    deleted = [
        evaluator.post(f"{API}/experiments/delete", json={"experiment_id": experiment}),
        evaluator.request("DELETE", f"{API}/registered-models/delete", json={"name": "tweet-virality"}),
    ]

    assert tagged.is_success
    assert {reply.status_code for reply in deleted} <= REFUSED


@pytest.mark.parametrize("account", ["trainer", "operator"])
@pytest.mark.parametrize("spelling", ["artifact_location", "artifactLocation", "artifact__location"])
@pytest.mark.parametrize(
    "where", ["file:///etc", "/etc", "mlflow-artifacts://other-host/1", "ftp://silent/x"]
)
def test_nobody_chooses_where_artefacts_lie(open_as: OpenAs, account: str, spelling: str, where: str) -> None:
    for prefix in ("/api", "/ajax-api"):
        asked = {"name": f"{account} {spelling} {where} {prefix}", spelling: where}
        reply = open_as(account).post(f"{prefix}/2.0/mlflow/experiments/create", json=asked)

        assert reply.status_code == httpx.codes.BAD_REQUEST
        assert "not the caller's to choose" in reply.text


@pytest.mark.parametrize("path", ["../secrets", "..%2fsecrets", "1/../../secrets", "/etc", "%2e%2e/secrets"])
def test_no_path_leads_out_of_the_store(open_as: OpenAs, path: str) -> None:
    for account in ("trainer", "operator"):
        client = open_as(account)
        replies = [
            client.get(f"{FILES}/{path}/viral_database_password"),
            client.get(FILES, params={"path": path}),
            client.put(f"{FILES}/{path}/written", content=b"x"),
        ]
        assert [one.status_code for one in replies if one.is_success and "viral_" in one.text] == []
        assert not replies[2].is_success or path == "/etc"


def test_one_accounts_experiment_is_not_anothers(open_as: OpenAs) -> None:
    made = open_as("trainer").post(f"{API}/experiments/create", json={"name": "the trainer's own"})
    own = str(made.json()["experiment_id"])

    for account in ("gateway", "evaluator"):
        client = open_as(account)
        assert client.get(f"{API}/experiments/get", params={"experiment_id": own}).status_code in REFUSED
        assert client.put(f"{FILES}/{own}/a.txt", content=b"x").status_code in REFUSED
