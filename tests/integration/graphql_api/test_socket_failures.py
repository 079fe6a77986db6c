"""What a client on a socket is told when we fail."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from graphql_api.gate import Gate
from graphql_api.subscriptions import SubscriptionHub
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.sockets import receive, socket

pytestmark = pytest.mark.integration

SUBSCRIPTION = "subscription { changelogRevised { __typename } }"


def fail(*_: object) -> None:
    raise RuntimeError("what a client has sent")


async def fail_later(*_: object) -> None:
    fail()


async def subscribe(ws: Any, query: str) -> Any:
    await ws.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
    return await receive(ws)


@pytest.mark.parametrize(
    ("failing", "name", "replacement", "query"),
    [(Gate, "answer", fail_later, "{ me { name } }"),
     (Gate, "admit", fail, "{ me { name } }"),
     (SubscriptionHub, "join", fail_later, SUBSCRIPTION)],
)  # fmt: skip
async def test_an_operation_that_fails_unexpectedly_is_answered_and_over(
    api: Api, failing: type, name: str, replacement: object, query: str
) -> None:
    async with socket(api, api.tokens["viewer"]) as ws:
        with capture_logs() as logged, pytest.MonkeyPatch.context() as patched:
            patched.setattr(failing, name, replacement)
            told = await subscribe(ws, query)
        again = await subscribe(ws, "{ me { name } }")

    assert (told["type"], told["id"]) == ("error", "1")
    assert told["payload"][0]["extensions"]["code"] == "INTERNAL"
    assert "what a client has sent" not in str([told, logged])
    assert [one["error"] for one in logged if one["event"] == "operation_failed"] == [
        "RuntimeError"
    ]
    assert (again["type"], again["payload"]["data"]) == ("next", {"me": {"name": "viewer"}})
