"""The tickets tables are a function of the set of records, on a real database."""

import random

import asyncpg
import msgspec
import pytest

from schemas.db.pool import Connection
from schemas.events import FeedbackEvent, TicketEvent
from streams.store.triages import TRIAGES_CHANNEL
from tests.refold import Refolded, refold_elsewhere
from tests.ticket_records import (
    START_S,
    WRITTEN,
    Payload,
    Streams,
    alert_payload,
    feedback_event,
    fold,
    prepare_events,
    prepare_payloads,
    stored,
    sums,
    ticket_payload,
    tickets,
    triaged,
)

pytestmark = pytest.mark.integration


async def title_of(connection: Connection, ticket_id: str) -> str | None:
    title: str | None = await connection.fetchval(
        "SELECT title FROM tickets WHERE ticket_id = $1", ticket_id
    )
    return title


def revisions() -> list[Payload]:
    """Return some revisions of some tickets; some at the same time, some saying the same."""
    chooser = random.Random(5)
    return [
        ticket_payload(
            f"T-{chooser.randrange(12)}",
            f"login crashes, seen {chooser.randrange(5)} times",
            status=chooser.choice(("open", "closed")),
            updated_at=START_S + chooser.randrange(6),
        )
        for _ in range(60)
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_order_and_duplicates_give_the_same_tickets(
    connection: Connection, streams: Streams, seed: int
) -> None:
    expected = await stored(connection, revisions())
    chooser = random.Random(seed)
    shuffled = revisions() + chooser.sample(revisions(), 20)
    chooser.shuffle(shuffled)

    await streams.append_tickets(prepare_payloads(shuffled), 1, 7, 3)

    assert await sums(connection) == expected


@pytest.mark.parametrize("sizes", [(1,), (2, 5, 17)])
async def test_a_replay_writes_what_any_cut_into_batches_wrote(
    connection: Connection, streams: Streams, sizes: tuple[int, ...]
) -> None:
    payloads = revisions() + [alert_payload(f"A-{at}", at_s=at) for at in range(9)]
    prepared = prepare_payloads(payloads)
    await streams.append_tickets(prepared, *sizes)
    before = await sums(connection, WRITTEN)

    has_changed = await streams.replace_tickets(prepared, len(prepared))
    after_replay = await sums(connection, WRITTEN)
    await connection.execute(f"TRUNCATE {', '.join(WRITTEN)}")
    is_rebuilt = await streams.replace_tickets(prepared, len(prepared))

    assert not has_changed
    assert after_replay == before
    assert is_rebuilt
    assert await sums(connection, WRITTEN) == before


async def test_an_older_revision_never_overwrites(connection: Connection, streams: Streams) -> None:
    newer = ticket_payload("T-1", "newer", updated_at=START_S + 9)
    older = ticket_payload("T-1", "older", updated_at=START_S)
    await streams.send(newer, offset=0)
    await streams.send(older, offset=1)

    assert await title_of(connection, "T-1") == "newer"


async def test_an_older_revision_in_another_partition_waits_and_does_not_overwrite(
    connection: Connection, streams: Streams, database: str
) -> None:
    """Two workers write revisions of one ticket at the same time."""
    rival = await asyncpg.connect(database)
    transaction = rival.transaction()
    await transaction.start()
    newer = ticket_payload("T-1", "newer", updated_at=START_S + 9)
    older = ticket_payload("T-1", "older", updated_at=START_S)
    await Streams(rival).send(newer, offset=0, partition=1)
    await connection.execute("SET lock_timeout = '100ms'")

    with pytest.raises(asyncpg.LockNotAvailableError):
        await streams.send(older, offset=0)
    await transaction.commit()
    await streams.send(older, offset=0)
    await rival.close()

    assert await title_of(connection, "T-1") == "newer"


async def test_a_newer_revision_is_triaged_again(connection: Connection, streams: Streams) -> None:
    await streams.send(ticket_payload("T-1", "login crashes", updated_at=START_S), offset=0)
    first = await connection.fetchval("SELECT content_hash FROM ticket_triages")
    await streams.send(ticket_payload("T-1", "mail is slow", updated_at=START_S + 1), offset=1)

    assert await triaged(connection) == ["T-1"]
    assert await connection.fetchval("SELECT content_hash FROM ticket_triages") != first


async def test_a_replay_under_other_rules_removes_what_no_record_says(
    connection: Connection, streams: Streams
) -> None:
    kept, gone = ticket_payload("T-1"), ticket_payload("T-2")
    await streams.send(kept, gone, offset=0)

    assert await streams.replace_tickets(prepare_payloads([kept]), 2)
    assert await triaged(connection) == ["T-1"]
    assert await connection.fetchval("SELECT count(*) FROM tickets") == 1


HOSTILE = "\0 a \ufffe 😀 '\";-- \x1b[2J"


@pytest.mark.parametrize(
    "payload",
    [
        ticket_payload("T-1", HOSTILE, body=HOSTILE, status=HOSTILE, reporter=HOSTILE, url=HOSTILE),
        ticket_payload("T-1", labels={f"na{HOSTILE}me": HOSTILE, "b" * 5_000: "c" * 5_000}),
        ticket_payload("T-1", labels=[HOSTILE, {"name": HOSTILE}]),
        ticket_payload("T-1", metadata={HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}}),
        ticket_payload("T-1", alert_key="a\0b" + "é" * 50_000),
        ticket_payload("T-1", alert_key="".join(map(chr, range(0x4E00, 0x4E00 + 5_000)))),
        ticket_payload("T-1", created_at=10**14, updated_at=-5),
        ticket_payload("T-1", created_at=10**30, updated_at=1e300),
        ticket_payload("T-1", body="x" * 1_000_000),
    ],
)
async def test_any_text_in_any_member_is_stored(
    connection: Connection, streams: Streams, payload: Payload
) -> None:
    await streams.send(payload, offset=0)

    assert await triaged(connection) == ["T-1"]


async def test_a_lone_surrogate_in_any_member_is_stored(
    connection: Connection, streams: Streams
) -> None:
    payload = ticket_payload("T-1", "@@", body="@@", alert_key="@@", labels={"@@": "@@"}, meta="@@")
    (prepared,) = prepare_payloads([payload])
    value = (prepared.record.value or b"").replace(b"@@", b"a\\ud800\\u0000")
    record = msgspec.structs.replace(prepared.record, value=value)
    await streams.append_tickets([streams.tickets.prepare(record)])

    assert await triaged(connection) == ["T-1"]


async def test_a_record_of_a_clock_far_in_the_future_is_stored(
    connection: Connection, streams: Streams
) -> None:
    (prepared,) = prepare_payloads([ticket_payload("T-1")])
    record = msgspec.structs.replace(prepared.record, timestamp_ms=2**62)
    await streams.append_tickets([streams.tickets.prepare(record)])

    assert await triaged(connection) == ["T-1"]


async def test_names_as_long_as_may_be_fit_into_every_index(
    connection: Connection, streams: Streams
) -> None:
    """Characters that no compression makes short."""
    chooser = random.Random(3)
    name = "".join(chr(chooser.randrange(0x4E00, 0x9FFF)) for _ in range(200))
    ticket = {**ticket_payload(name), "project": name, "alert_key": name}
    taught = TicketEvent(project=name, ticket_id=name, title="login crashes")
    event = FeedbackEvent(ticket=taught, labels={name: name}, actor=name)
    await streams.append_feedback(prepare_events([event]))
    await streams.send(ticket, offset=0)

    assert await triaged(connection) == [name]


async def test_a_stored_triage_is_what_the_feedback_below_its_offset_gives(
    connection: Connection, streams: Streams, database: str
) -> None:
    events = [feedback_event(number) for number in range(40)]
    prepared, payloads = prepare_events(events), tickets(40)
    for start in range(0, 40, 10):
        await streams.append_feedback(prepared[start : start + 10], 3)
        await streams.send(*payloads[start : start + 10], offset=start)

    offsets = await connection.fetch(
        "SELECT DISTINCT feedback_offset FROM ticket_triages ORDER BY 1"
    )
    assert [row[0] for row in offsets] == [10, 20, 30, 40]
    assert refold_elsewhere(database, 3) == Refolded(fold(events).state_hash(), 40, [])


async def test_listeners_hear_of_each_triage_once_it_is_committed(
    connection: Connection, streams: Streams, database: str
) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(database)
    await listener.add_listener(TRIAGES_CHANNEL, lambda *given: heard.append(str(given[-1])))
    await streams.send(ticket_payload("T-1"), ticket_payload("T-2"), offset=0)
    await listener.fetchval("SELECT 1")
    await listener.close()

    assert heard == [
        '{"project":"shop","ticket_id":"T-1"}',
        '{"project":"shop","ticket_id":"T-2"}',
    ]
