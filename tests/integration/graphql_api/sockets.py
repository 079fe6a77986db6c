"""Clients' side of graphql-transport-ws."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientWebSocketResponse

from schemas.db.pool import Connection
from tests.integration.graphql_api.conftest import Api

END_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aiops-api-listener'
"""


@asynccontextmanager
async def socket(api: Api, token: str | None) -> AsyncIterator[ClientWebSocketResponse]:
    """An acknowledged connection."""
    async with api.client.ws_connect("/graphql", protocols=("graphql-transport-ws",)) as ws:
        payload = {"Authorization": f"Bearer {token}"} if token else {}
        await ws.send_json({"type": "connection_init", "payload": payload})
        assert (await receive(ws))["type"] == "connection_ack"
        yield ws


async def receive(ws: ClientWebSocketResponse) -> Any:
    """Return the next message."""
    async with asyncio.timeout(20):
        return await ws.receive_json()


async def close_code(ws: ClientWebSocketResponse) -> int | None:
    """Read until the connection closes and return with which code."""
    async with asyncio.timeout(20):
        while not (await ws.receive()).type.name.startswith("CLOS"):
            pass
    return ws.close_code


async def listen_anew(connection: Connection) -> None:
    """Have the service ask for what is stored by now, even if it has connected again before."""
    await connection.execute(END_LISTENERS)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    for _ in range(2_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in 20 s")
