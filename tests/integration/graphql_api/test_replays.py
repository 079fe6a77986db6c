"""Replays over the API: asked for, followed, cancelled; run by real workers on a real broker."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import msgspec
import psutil
import pytest
from aiohttp.test_utils import TestClient

from aiops.local.kafka import Kafka
from aiops.topics import create_topics
from graphql_api.app import SERVICES, create_app
from graphql_api.pagination import encode_cursor
from schemas.db.pool import Connection
from schemas.events import ReplayStartEvent
from schemas.ids import RecordId, encode_record_id
from schemas.topics import COMMITS_RAW, LOGS_RAW, REPLAYS_REQUESTED, TICKETS_RAW
from streams.store.replay_runs import NewRun, cancel_run, claim_run, insert_run
from tests.checksums import Checksum, table_checksums
from tests.commit_records import REPOSITORY, history
from tests.integration.graphql_api.conftest import Api, ApiServer
from tests.integration.graphql_api.sockets import receive, socket, until
from tests.ledger import produce, read_topic, wait_until_stored
from tests.ticket_records import tickets
from tests.topic_reading import read_records
from tests.workers import WorkerProcess, running_worker, worker_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

REPLAY = """id topic partition from to isRetriage isDryRun state requestedBy requestedAt startedAt
  heartbeatAt endedAt error blocks doneBlocks changedBlocks records retriaged"""
START = f"""mutation($topic: String!, $from: String, $to: String, $partition: Int,
    $retriage: Boolean = false, $dryRun: Boolean = false) {{
  startReplay(topic: $topic, from: $from, to: $to, partition: $partition, retriage: $retriage,
    dryRun: $dryRun) {{ id status replay {{ {REPLAY} }} }} }}"""
CANCEL = "mutation($id: ID!) { cancelReplay(id: $id) { id status replay { state endedAt } } }"
LIST = """query($topic: String, $states: [ReplayState!], $first: Int = 50, $after: String) {
  replays(topic: $topic, states: $states, first: $first, after: $after) {
    edges { node { id state } } pageInfo { hasNextPage endCursor } } }"""
FOLLOW = "subscription($id: ID) { replayProgressed(id: $id) { id state doneBlocks blocks } }"
AUDIT = "{ auditLog(first: 10) { edges { node { actor operation target outcome } } } }"
SETTLED = "SELECT count(*) FROM dirty_repositories UNION ALL SELECT count(*) FROM log_dirty_windows"
HOLD = "SELECT FROM stream_offsets WHERE topic = $1 AND partition = $2 FOR UPDATE"
PARTITIONS = 4


@pytest.fixture
def broker(own_kafka: Kafka) -> str:
    create_topics(own_kafka.bootstrap, log_topics=[], replication=1, partitions={})
    return own_kafka.bootstrap


@asynccontextmanager
async def served(api: Api, broker: str, *, patience_s: float) -> AsyncIterator[Api]:
    """The same service, with a broker, where nobody waits for a worker for longer than told."""
    settings = msgspec.structs.replace(
        api.settings, kafka_bootstrap=broker, submit_timeout_s=patience_s
    )
    async with TestClient(ApiServer(create_app(settings))) as client:
        other = Api(client, settings, {})
        for role in ("viewer", "operator", "admin"):
            other.tokens[role] = (await other.login(role))["accessToken"]
        yield other


@contextmanager
def running_workers(settings: Mapping[str, str]) -> Iterator[WorkerProcess]:
    """Run a worker of each role; the finalizer is yielded."""
    with ExitStack() as stack:
        for role in ("logs", "interactive"):
            stack.enter_context(running_worker(role, settings=settings))
        yield stack.enter_context(running_worker("finalizer", settings=settings))


async def fill(broker: str, dsn: str, connection: Connection) -> None:
    """Write logs, tickets and commits, and wait until all that follows from them is stored."""
    commits = [{**payload, "repository": REPOSITORY} for payload in history(30)]
    for partition in range(PARTITIONS):
        values = [f"INFO line {number} of {partition}".encode() for number in range(200)]
        produce(broker, LOGS_RAW.name, values, partition=partition)
        said = [msgspec.json.encode(one) for one in tickets(80)[partition::PARTITIONS]]
        produce(broker, TICKETS_RAW.name, said, partition=partition)
        told = [msgspec.json.encode(one) for one in commits[partition::PARTITIONS]]
        produce(broker, COMMITS_RAW.name, told, partition=partition)
    for topic in (LOGS_RAW.name, TICKETS_RAW.name, COMMITS_RAW.name):
        await wait_until_stored(dsn, topic, read_topic(broker, topic, PARTITIONS))
    await settle(connection)


async def settle(connection: Connection) -> None:
    """Wait until the finalizer has nothing to do."""
    async with asyncio.timeout(60):
        while True:
            if not any(row[0] for row in await connection.fetch(SETTLED)):
                return
            await asyncio.sleep(0.05)


async def sums(connection: Connection) -> Mapping[str, Checksum]:
    """Return the checksums of what logs, tickets and commits give; requests move an offset."""
    await settle(connection)
    return await table_checksums(connection, without=("stream_offsets",))


async def ended(api: Api, run_id: str) -> Any:
    """Return a replay once it has ended."""
    query = f"query($id: ID!) {{ replay(id: $id) {{ {REPLAY} }} }}"
    async with asyncio.timeout(60):
        while True:
            replay = (await api.ask(query, id=run_id))["replay"]
            if replay is not None and replay["state"] not in ("REQUESTED", "RUNNING"):
                return replay
            await asyncio.sleep(0.05)


async def start(api: Api, topic: str, **more: object) -> Any:
    return (await api.ask(START, role="operator", topic=topic, **more))["startReplay"]


async def test_replays_leave_all_tables_as_they_were_also_when_their_process_is_killed(
    api: Api, broker: str, connection: Connection
) -> None:
    dsn = api.settings.postgres_dsn
    settings = worker_settings(broker, dsn, LOGS_RAW.name)
    async with served(api, broker, patience_s=60.0) as other:
        with running_workers(settings) as finalizer:
            await fill(broker, dsn, connection)
            before = await sums(connection)
            async with follow(other) as ws, held(dsn, LOGS_RAW.name, 2):
                killed = await start(other, LOGS_RAW.name)
                await told(ws, {"id": killed["id"], "state": "RUNNING", "doneBlocks": 2})
                waiting = [await start(other, one) for one in (TICKETS_RAW.name, COMMITS_RAW.name)]
                for child in psutil.Process(finalizer.process.pid).children():
                    child.kill()
                    child.wait()
            reports = [await ended(other, run["id"]) for run in (killed, *waiting)]
            after = await sums(connection)

    assert [run["status"] for run in (killed, *waiting)] == ["DONE"] * 3
    assert [run["replay"]["requestedBy"] for run in waiting] == ["operator"] * 2
    assert [run["replay"]["state"] for run in waiting] == ["REQUESTED"] * 2
    assert [(one["state"], one["blocks"], one["doneBlocks"]) for one in reports] == [
        ("DONE", PARTITIONS, PARTITIONS)
    ] * 3
    assert [one["changedBlocks"] for one in reports] == [0, 0, 0]
    assert reports[0]["records"] == 200 * PARTITIONS
    assert after == before


@asynccontextmanager
async def follow(api: Api, run_id: str | None = None) -> AsyncIterator[Any]:
    """A socket that is told of replays."""
    assert api.client.app is not None
    feed = api.client.app[SERVICES].replay_feed
    async with socket(api, api.tokens["viewer"]) as ws:
        payload = {"query": FOLLOW, "variables": {"id": run_id}}
        await ws.send_json({"type": "subscribe", "id": "1", "payload": payload})
        await until(lambda: feed.is_running)
        yield ws


async def told(ws: Any, wanted: Mapping[str, object]) -> Any:
    """Return the first replay that is told with these members."""
    while True:
        replay = (await receive(ws))["payload"]["data"]["replayProgressed"]
        if wanted.items() <= replay.items():
            return replay


@asynccontextmanager
async def held(dsn: str, topic: str, partition: int) -> AsyncIterator[None]:
    """Keep everybody from writing a partition."""
    holder = await asyncpg.connect(dsn)
    async with holder.transaction():
        await holder.fetch(HOLD, topic, partition)
        yield
    await holder.close()


async def test_a_replay_that_runs_can_be_cancelled(
    api: Api, broker: str, connection: Connection
) -> None:
    dsn = api.settings.postgres_dsn
    settings = worker_settings(broker, dsn, LOGS_RAW.name)
    async with served(api, broker, patience_s=60.0) as other:
        with running_workers(settings):
            await fill(broker, dsn, connection)
            async with follow(other) as ws, held(dsn, LOGS_RAW.name, 1):
                run = await start(other, LOGS_RAW.name)
                await told(ws, {"id": run["id"], "doneBlocks": 1})
                cancelled = await other.ask(CANCEL, role="operator", id=run["id"])
                await told(ws, {"id": run["id"], "state": "CANCELLED"})
            again = await other.ask(CANCEL, role="admin", id=run["id"])
            late = await start(other, LOGS_RAW.name, dryRun=True, partition=9)
            refused = await ended(other, late["id"])
            code = await other.refusal(CANCEL, role="operator", id=late["id"])

    assert cancelled["cancelReplay"]["replay"]["state"] == "CANCELLED"
    assert again["cancelReplay"]["replay"]["state"] == "CANCELLED"
    assert (refused["state"], refused["error"]) == (
        "REFUSED",
        "topic logs.raw has no partition 9",
    )
    assert (refused["isDryRun"], refused["blocks"]) == (True, None)
    assert code == "CONFLICT"


async def test_without_a_worker_the_answer_is_pending_with_the_replays_id(
    api: Api, broker: str
) -> None:
    asked = {"topic": "tickets.raw", "from": "0", "to": "2026-11-25T08:00:00Z", "partition": 1}
    async with served(api, broker, patience_s=2.0) as other:
        pending = await start(other, **asked, retriage=True, dryRun=True)  # type: ignore[arg-type]
        audit = await other.ask(AUDIT, role="admin")
    (record,) = await read_records(broker, REPLAYS_REQUESTED.name, 1)
    assert record.value is not None

    assert (pending["status"], pending["replay"]) == ("PENDING", None)
    assert pending["id"] == encode_record_id(RecordId(REPLAYS_REQUESTED.name, 0, 0))
    assert msgspec.json.decode(record.value, type=ReplayStartEvent) == ReplayStartEvent(
        topic="tickets.raw",
        partition=1,
        from_bound="0",
        to_bound="2026-11-25T08:00:00Z",
        is_retriage=True,
        is_dry_run=True,
        requested_by="operator",
    )
    assert audit["auditLog"]["edges"][0]["node"] == {
        "actor": "operator",
        "operation": "start_replay",
        "target": "tickets.raw[1] from 0 to 2026-11-25T08:00:00Z, retriage, dry run",
        "outcome": "requested",
    }


async def test_one_idempotency_key_asks_once(api: Api, broker: str) -> None:
    async with served(api, broker, patience_s=2.0) as other:

        async def ask(topic: str) -> Any:
            answer = await other.post(
                START,
                role="operator",
                variables={"topic": topic},
                headers={"Idempotency-Key": "k"},
            )
            return await answer.json()

        first, second, third = [
            await ask(topic) for topic in ("logs.raw", "logs.raw", "commits.raw")
        ]

    assert first["data"]["startReplay"]["id"] == second["data"]["startReplay"]["id"]
    assert third["errors"][0]["extensions"]["code"] == "CONFLICT"


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"topic": "elsewhere"}, "topic"),
        ({"topic": "replays.requested"}, "topic"),
        ({"topic": "logs.raw", "from": "yesterday"}, "from"),
        ({"topic": "logs.raw", "to": "-1"}, "to"),
        ({"topic": "logs.raw", "partition": -1}, "partition"),
        ({"topic": "logs.raw", "retriage": True}, "retriage"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_once(
    api: Api, arguments: Mapping[str, object], argument: str
) -> None:
    answer = await api.post(START, role="operator", variables=arguments)

    extensions = (await answer.json())["errors"][0]["extensions"]
    assert (extensions["code"], extensions["argument"]) == ("BAD_USER_INPUT", argument)


async def test_a_replay_that_is_not_there_cannot_be_cancelled(api: Api) -> None:
    assert await api.refusal(CANCEL, role="operator", id="none") == "NOT_FOUND"


async def test_viewers_see_replays_and_cannot_ask_for_any(api: Api) -> None:
    assert await api.refusal(START, role="viewer", topic="logs.raw") == "FORBIDDEN"
    assert await api.refusal(CANCEL, role="viewer", id="none") == "FORBIDDEN"
    assert (await api.ask(LIST))["replays"]["edges"] == []


async def seed(connection: Connection, count: int) -> list[str]:
    """Store runs, two at a time in the same second; return their ids in the list's order."""
    moments = await connection.fetch(
        "SELECT to_timestamp(1790000000 + number / 2) FROM generate_series(0, $1 - 1) AS number",
        count,
    )
    for number, (moment,) in enumerate(moments):
        asked = ReplayStartEvent(topic=f"topic-{number % 3}", requested_by="anna")
        new = NewRun(run_id=f"run-{number:02}", asked=asked, requested_at=moment, is_attended=False)
        await insert_run(connection, new)
    return [f"run-{number:02}" for number in reversed(range(count))]


async def pages(api: Api, **wanted: object) -> list[str]:
    """Return the ids of all pages of three."""
    found: list[str] = []
    after: str | None = None
    while True:
        variables = {"first": 3, "after": after, **wanted}
        answer = await (await api.post(LIST, variables=variables)).json()
        page = answer["data"]["replays"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def test_pages_hold_each_replay_once_the_last_asked_for_first(
    api: Api, connection: Connection
) -> None:
    ids = await seed(connection, 11)

    assert await pages(api) == ids
    assert await pages(api, topic="topic-1") == [one for one in ids if int(one[4:]) % 3 == 1]


async def test_a_list_can_be_of_those_that_stand_so(api: Api, connection: Connection) -> None:
    await seed(connection, 6)
    await cancel_run(connection, "run-02")
    await claim_run(connection, "run-04", (await connection.fetchval("SELECT gen_random_uuid()")))

    assert await pages(api, states=["CANCELLED", "RUNNING"]) == ["run-04", "run-02"]
    assert await pages(api, states=["DONE"]) == []


@pytest.mark.parametrize(
    "after", ["", "x", encode_cursor([2**62, "run"]), encode_cursor([1, "r\0"]), encode_cursor([1])]
)
async def test_a_cursor_of_nobody_is_refused(api: Api, after: str) -> None:
    assert await api.refusal(LIST, after=after) == "BAD_USER_INPUT"


async def test_who_follows_one_replay_hears_of_it_alone(api: Api, connection: Connection) -> None:
    await seed(connection, 2)
    async with follow(api, "run-01") as ws:
        await cancel_run(connection, "run-00")
        await cancel_run(connection, "run-01")
        message = await receive(ws)

    assert message["payload"]["data"]["replayProgressed"] == {
        "id": "run-01",
        "state": "CANCELLED",
        "doneBlocks": 0,
        "blocks": None,
    }
