"""`aiops api --processes`: several processes answer on one port, and are kept running."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aiops.local.ports import LOOPBACK, free_port
from tests.integration.graphql_api.conftest import LOGIN, PASSWORD, create_users
from tests.ledger import PATIENCE_S, POLL_S
from tests.workers import AiopsProcess, running

pytestmark = pytest.mark.integration

COUNT = 2
ME = "{ me { name } }"


class ApiProcesses:
    """`aiops api --processes 2` under test."""

    def __init__(self, process: AiopsProcess, port: int) -> None:
        self.process = process
        self.url = f"http://{LOOPBACK}:{port}/graphql"

    def children(self) -> set[int]:
        """Return the ids of the processes that it has started."""
        parent = psutil.Process(self.process.process.pid)
        return {child.pid for child in parent.children()}

    async def wait_for_listeners(self, count: int) -> set[int]:
        """Wait until so many processes have the port open; return their ids."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                listening = {pid for pid in self.children() if listens(pid)}
                if len(listening) == count:
                    return listening
                await asyncio.sleep(POLL_S)

    async def ask(
        self, query: str, token: str | None = None, **variables: str
    ) -> dict[str, object]:
        """Return the data of an answer, over a connection of its own."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url, json=body, headers=headers) as answer,
        ):
            data: dict[str, object] = (await answer.json())["data"]
            return data


def listens(pid: int) -> bool:
    """Tell whether the process accepts connections."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return False
    return any(one.status == psutil.CONN_LISTEN for one in connections)


@pytest.fixture
def signing_key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    private = Ed25519PrivateKey.generate()
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture
def settings(kafka_server: str, database: str, signing_key: Path) -> dict[str, str]:
    return {
        "AIOPS_KAFKA_BOOTSTRAP": kafka_server,
        "AIOPS_POSTGRES_DSN": database,
        "AIOPS_API_PORT": str(free_port()),
        "AIOPS_API_SIGNING_KEY": str(signing_key),
    }


@pytest.fixture
def processes(settings: dict[str, str]) -> Iterator[ApiProcesses]:
    process = AiopsProcess("api", "--processes", str(COUNT), settings=settings)
    with running(process):
        yield ApiProcesses(process, int(settings["AIOPS_API_PORT"]))


async def test_a_token_of_one_process_is_good_for_all(
    processes: ApiProcesses, database: str
) -> None:
    await create_users(database)
    await processes.wait_for_listeners(COUNT)
    login = await processes.ask(LOGIN, u="viewer", p=PASSWORD)
    token = login["login"]["accessToken"]  # type: ignore[index]  # any JSON

    # The kernel chooses by address and port: one of twenty connections goes to the other process.
    answers = [await processes.ask(ME, token) for _ in range(20)]

    assert answers == [{"me": {"name": "viewer"}}] * 20


async def test_a_killed_process_is_started_again(processes: ApiProcesses) -> None:
    before = await processes.wait_for_listeners(COUNT)
    killed = psutil.Process(min(before))
    killed.kill()
    await asyncio.to_thread(killed.wait, PATIENCE_S)
    after = await processes.wait_for_listeners(COUNT)
    processes.process.terminate()

    assert len(after - before) == 1
    assert processes.process.wait() == 0


async def test_none_outlives_the_process_that_started_it(processes: ApiProcesses) -> None:
    children = [psutil.Process(pid) for pid in await processes.wait_for_listeners(COUNT)]
    processes.process.kill()

    _, alive = await asyncio.to_thread(psutil.wait_procs, children, PATIENCE_S)

    assert not alive


def test_several_processes_need_a_key_in_common(settings: dict[str, str]) -> None:
    del settings["AIOPS_API_SIGNING_KEY"]
    with running(AiopsProcess("api", "--processes", "2", settings=settings)) as process:
        status = process.wait()
        printed = process.printed()

    assert status == 2
    assert "AIOPS_API_SIGNING_KEY: several processes need one key" in printed
