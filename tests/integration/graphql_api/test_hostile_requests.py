"""Hostile bodies and headers: no 5xx, always a typed JSON body."""

import asyncio
import gzip
import json
import zlib
from io import BytesIO

import pytest

from graphql_api.errors import ErrorCode
from tests.integration.graphql_api.conftest import Api

pytestmark = pytest.mark.integration

JSON = {"Content-Type": "application/json"}
GOOD = json.dumps({"query": "{ __typename }"}).encode()
BODIES: dict[str, bytes] = {
    "empty": b"",
    "spaces": b"   ",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "true": b"true",
    "list": b"[]",
    "batch": b'[{"query":"{ __typename }"}]',
    "object": b"{}",
    "cut off": b'{"query": "{ __type',
    "two objects": GOOD + GOOD,
    "trailing comma": b'{"query": "{ __typename }",}',
    "comment": b'/* a */ {"query": "{ __typename }"}',
    "nan": b'{"query": NaN}',
    "invalid utf-8": b'{"query": "\xff\xfe"}',
    "utf-16": '{"query": "{ __typename }"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "lone surrogate": b'{"query": "\\ud800"}',
    "nul": b'{"query": "\\u0000"}',
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep variables": b'{"query": "{ me { name } }", "variables": {"a": '
    + b"[" * 900 + b"]" * 900 + b"}}",
    "query null": b'{"query": null}',
    "query number": b'{"query": 1}',
    "query list": b'{"query": ["{ __typename }"]}',
    "query object": b'{"query": {}}',
    "query empty": b'{"query": ""}',
    "query spaces": b'{"query": "  "}',
    "query of braces": json.dumps({"query": "{" * 2_000}).encode(),
    "query of emoji": json.dumps({"query": "\U0001f4a9" * 1_000}).encode(),
    "variables text": b'{"query": "{ __typename }", "variables": "x"}',
    "variables list": b'{"query": "{ __typename }", "variables": []}',
    "extensions number": b'{"query": "{ __typename }", "extensions": 1}',
    "operationName object": b'{"query": "{ __typename }", "operationName": {}}',
    "operationName unknown": b'{"query": "{ me { name } }", "operationName": "nothing"}',
    "persisted query": b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a"}}}',
    "huge number": b'{"query": "{ logEntries(limit: ' + b"9" * 5_000 + b') { id } }"}',
    "a megabyte of text": json.dumps({"query": "#" + "x" * 900_000}).encode(),
    "two megabytes": b" " * 2_000_000 + GOOD,
    "nul in a variable": json.dumps(
        {
            "query": "query($s: String) { logEntries(service: $s) { id } }",
            "variables": {"s": "a\0b"},
        }
    ).encode(),
    "id beyond 32 bits": json.dumps(
        {"query": '{ logEntry(id: "Af____8AAAAAAAAAAAAAbG9ncy5yYXc") { id } }'}
    ).encode(),
    "time far away": json.dumps(
        {"query": '{ logEntries(since: "9999-12-31T23:59:59Z") { id } }'}
    ).encode(),
    "cursor of big numbers": json.dumps(
        {"query": '{ templates(after: "ks__________zwAAAAAAAAAB") { edges { cursor } } }'}
    ).encode(),
    "many root fields": json.dumps({"query": "{ " + "me { name } " * 500 + "}"}).encode(),
}  # fmt: skip
HEADERS: dict[str, dict[str, str]] = {
    "no content type": {"Content-Type": ""},
    "text": {"Content-Type": "text/plain"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
    "multipart": {"Content-Type": "multipart/form-data; boundary=x"},
    "json in another type": {"Content-Type": "x-application/json-y"},
    "latin-1": {"Content-Type": "application/json; charset=latin-1"},
    "graphql": {"Content-Type": "application/graphql"},
    "accept html": {**JSON, "Accept": "text/html"},
    "accept nothing": {**JSON, "Accept": "application/json;q=0"},
    "accept nonsense": {**JSON, "Accept": ";;;,,,q=x"},
    "accept long": {**JSON, "Accept": "a/b," * 1_500},
    "authorization empty": {**JSON, "Authorization": ""},
    "authorization scheme": {**JSON, "Authorization": "Basic YTpi"},
    "authorization bare": {**JSON, "Authorization": "Bearer"},
    "authorization spaces": {**JSON, "Authorization": "Bearer a b"},
    "authorization not ascii": {**JSON, "Authorization": "Bearer é"},
    "authorization long": {**JSON, "Authorization": "Bearer " + "x" * 7_000},
    "encoding unknown": {**JSON, "Content-Encoding": "rot13"},
    "encoding wrong": {**JSON, "Content-Encoding": "gzip"},
    "encoding deflate wrong": {**JSON, "Content-Encoding": "deflate"},
    "idempotency key": {**JSON, "Idempotency-Key": "x" * 4_000},
}  # fmt: skip


async def assert_typed(answer: object, name: str) -> None:
    status = answer.status  # type: ignore[attr-defined]  # aiohttp's client response
    assert status < 500, name
    assert answer.content_type in {  # type: ignore[attr-defined]
        "application/json",
        "application/graphql-response+json",
    }, name
    body = await answer.json(content_type=None)  # type: ignore[attr-defined]
    for error in body.get("errors", []):
        assert error["extensions"]["code"] in set(ErrorCode), name
    assert status == 200 or body["errors"], name


def authorized(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.tokens['admin']}"}


async def test_hostile_bodies_get_a_typed_answer(api: Api) -> None:
    for name, body in BODIES.items():
        for headers in (JSON, {**JSON, **authorized(api)}):
            async with api.client.post("/graphql", data=BytesIO(body), headers=headers) as answer:
                await assert_typed(answer, name)


async def test_hostile_headers_get_a_typed_answer(api: Api) -> None:
    for name, headers in HEADERS.items():
        async with api.client.post("/graphql", data=GOOD, headers=headers) as answer:
            await assert_typed(answer, name)


async def test_bombs_are_refused(api: Api) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    for body, encoding in ((bomb, "gzip"), (zlib.compress(b" " * 50_000_000), "deflate")):
        headers = {**JSON, **authorized(api), "Content-Encoding": encoding}
        async with api.client.post("/graphql", data=BytesIO(body), headers=headers) as answer:
            await assert_typed(answer, encoding)
            assert answer.status == 413


async def test_other_methods_and_paths_get_a_typed_answer(api: Api) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        async with api.client.request(method, "/graphql") as answer:
            await assert_typed(answer, method)
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
    for path in ("/", "/nothing", "/graphql/x", "/../etc/passwd", "/%00", "/metrics/x"):
        async with api.client.get(path) as answer:
            await assert_typed(answer, path)
    async with api.client.post("/healthz") as answer:
        await assert_typed(answer, "POST /healthz")


MISFITS: tuple[tuple[str, dict[str, object]], ...] = (
    ("query($n: Int!) { logEntries(limit: $n) { id } }", {}),
    ("query($n: Int!) { logEntries(limit: $n) { id } }", {"n": None}),
    ("query($n: Int!) { logEntries(limit: $n) { id } }", {"n": "many"}),
    ("query($n: Int!) { logEntries(limit: $n) { id } }", {"n": 2**40}),
    ("query($s: LogSeverity) { logEntries(severity: $s) { id } }", {"s": "LOUD"}),
    ("query($t: DateTime) { logEntries(until: $t) { id } }", {"t": "yesterday"}),
    ("query($n: Int = 3) { logEntries(limit: $n) { id } }", {"n": None}),
)


async def test_variables_that_do_not_fit_are_the_clients_fault(api: Api) -> None:
    answers = [await api.post(query, variables=variables) for query, variables in MISFITS]
    errors = [(await answer.json())["errors"] for answer in answers]

    codes = [[error["extensions"]["code"] for error in of_one] for of_one in errors]
    assert codes == [["BAD_USER_INPUT"]] * len(MISFITS)


async def raw(api: Api, request: bytes) -> bytes:
    """Return what the server answers to bytes that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.read(65_536)
    writer.close()
    return answer


RAW = {
    "no http": b"hello\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
    "bad version": b"GET /graphql HTTP/9.9\r\n\r\n",
    "bad header": b"GET /graphql HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    "long header": b"GET /graphql HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "long path": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
    b"Content-Length: 4\r\n\r\nabcd",
    "length and chunks": b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "bad chunk": b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW)
async def test_what_is_no_http_gets_a_typed_answer(api: Api, name: str) -> None:
    answer = await raw(api, RAW[name])

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1."), answer
    assert int(head.split()[1]) < 500
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_there_are_sixty_cases() -> None:
    assert len(BODIES) + len(HEADERS) + len(RAW) >= 60
