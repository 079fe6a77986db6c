"""Signing keys rotated under load, process by process, without a failed request."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle

import jwt
import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from graphql_api.app import create_app
from schemas.settings import Settings
from tests.integration.graphql_api.conftest import LOGIN, PASSWORD, Api, ApiServer, create_users
from tests.integration.graphql_api.sockets import until
from tests.integration.graphql_api.test_access import ME, REFRESH

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PROCESSES = 2
CLIENTS = 4
CALLS_PER_TOKEN = 5


class Process:
    """A process that answers until it is asked to stop, and then all that it has begun."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._begun = 0
        self._resting = asyncio.Event()
        self._resting.set()

    async def post(self, query: str, token: str | None, **variables: object) -> ClientResponse:
        self._begun += 1
        self._resting.clear()
        try:
            return await self._api.post(query, role=None, token=token, variables=variables)
        finally:
            self._begun -= 1
            if not self._begun:
                self._resting.set()

    async def stop(self) -> None:
        await self._resting.wait()
        await self._api.client.close()


class Service:
    """Processes that share a port: requests go to each in turn."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self._turn = cycle(range(PROCESSES))

    def next(self) -> Process:
        return self.processes[next(self._turn)]

    async def roll(self, settings: Settings) -> None:
        """Replace the processes one by one, as a rolling restart does."""
        for number in range(PROCESSES):
            before = self.processes[number] if number < len(self.processes) else None
            client = TestClient(ApiServer(create_app(settings)))
            await client.start_server()
            self.processes[number : number + 1] = [Process(Api(client, settings, {}))]
            if before is not None:
                await before.stop()


class Client:
    """Somebody who asks all the time and refreshes now and then."""

    def __init__(self, service: Service, grant: dict[str, str]) -> None:
        self.failed: list[object] = []
        self.answered = 0
        self.is_stopped = False
        self._service = service
        self._grant = grant

    @property
    def key_id(self) -> str:
        """Return which key has signed the token of now."""
        found: str = jwt.get_unverified_header(self._grant["accessToken"])["kid"]
        return found

    async def run(self) -> None:
        while not self.is_stopped:
            for _ in range(CALLS_PER_TOKEN):
                await self._ask(ME)
            body = await self._ask(REFRESH, t=self._grant["refreshToken"])
            self._grant = body["data"]["refreshSession"]

    async def _ask(self, query: str, **variables: object) -> dict[str, dict[str, dict[str, str]]]:
        token = None if variables else self._grant["accessToken"]
        answer = await self._service.next().post(query, token, **variables)
        body: dict[str, dict[str, dict[str, str]]] = await answer.json()
        self.answered += 1
        if answer.status != 200 or "errors" in body:
            self.failed.append(body)
        return body


async def login(process: Process) -> dict[str, str]:
    answer = await process.post(LOGIN, None, u="viewer", p=PASSWORD)
    grant: dict[str, str] = (await answer.json())["data"]["login"]
    return grant


@asynccontextmanager
async def load(service: Service) -> AsyncIterator[Sequence[Client]]:
    """Clients that ask as long as the block lasts."""
    clients = [Client(service, await login(service.next())) for _ in range(CLIENTS)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    yield clients
    for client in clients:
        client.is_stopped = True
    await asyncio.gather(*tasks)


async def test_keys_rotate_under_load_without_a_failed_request(
    api_settings: Settings, signing_keys: tuple[str, str]
) -> None:
    await create_users(api_settings.postgres_dsn)
    old, new = signing_keys
    stages = [
        msgspec.structs.replace(
            api_settings, api_signing_key=current, api_previous_signing_keys=accepted
        )
        for current, accepted in ((old, ""), (old, new), (new, old), (new, ""))
    ]
    service = Service()
    await service.roll(stages[0])
    async with load(service) as clients:
        before = {client.key_id for client in clients}
        await service.roll(stages[1])
        await service.roll(stages[2])
        await until(lambda: before.isdisjoint(client.key_id for client in clients))
        await service.roll(stages[3])
        reached = [client.answered for client in clients]
        await until(
            lambda: all(
                client.answered > already + 2 * CALLS_PER_TOKEN
                for client, already in zip(clients, reached, strict=True)
            )
        )
    for process in service.processes:
        await process.stop()

    assert [client.failed for client in clients] == [[] for _ in clients]
    assert len({client.key_id for client in clients} | before) == 2
