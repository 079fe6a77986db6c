"""Dead letters back to their topic, on the real broker and database."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import msgspec
import pytest

from schemas.db.pool import Pool, open_pool
from schemas.errors import ConfigError
from schemas.records import Rejection
from streams.redrive import Outcome
from tests.integration.streams.conftest import MakeLogsTopic
from tests.redrive_stage import NOW_MS, Stage
from tests.topic_reading import read_records

pytestmark = pytest.mark.integration


@pytest.fixture
def topic(make_logs_topic: MakeLogsTopic) -> str:
    """A topic of two partitions and its dead letter topic."""
    return make_logs_topic(partitions=2)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to the test's database."""
    opened = await open_pool(database, application_name="test", max_size=4)
    yield opened
    await opened.close()


@pytest.fixture
def stage(kafka_server: str, pool: Pool, topic: str) -> Stage:
    """The topic, without letters."""
    return Stage(kafka_server, pool, topic)


async def test_a_letter_goes_back_as_it_was(stage: Stage) -> None:
    letter = stage.rejected(
        7,
        partition=1,
        key=b"order",
        headers=(("host", b"web-1"), ("host", b""), ("trace", b"\xff")),
    )
    await stage.produce([letter])
    outcomes = await stage.redrive()
    (record,) = await read_records(stage.bootstrap, stage.topic, 1, partition=1)

    assert outcomes == {Outcome.SENT: 1}
    assert record == msgspec.structs.replace(letter.record, offset=0)
    assert await stage.open_letters() == 0


async def test_letters_of_a_partition_keep_their_order(stage: Stage) -> None:
    await stage.produce([stage.rejected(offset, key=b"one") for offset in range(300)])
    await stage.redrive()

    assert stage.arrived() == [b"\x00value %d" % offset for offset in range(300)]


async def test_a_letter_is_sent_once_however_often_it_is_redriven(stage: Stage) -> None:
    await stage.produce([stage.rejected(offset) for offset in range(5)])
    first, second = await stage.redrive(), await stage.redrive()

    assert first == {Outcome.SENT: 5}
    assert second == {Outcome.ALREADY_REDRIVEN: 5}
    assert len(stage.arrived()) == 5


async def test_copies_of_a_letter_are_sent_once(stage: Stage) -> None:
    letter = stage.rejected(3)
    await stage.produce([letter, letter])
    await stage.produce([letter])
    outcomes = await stage.redrive()

    assert outcomes == {Outcome.SENT: 1, Outcome.ALREADY_REDRIVEN: 2}
    assert stage.arrived() == [b"\x00value 3"]


async def test_two_redrives_at_a_time_send_each_letter_once(stage: Stage) -> None:
    await stage.produce([stage.rejected(offset) for offset in range(40)])
    both = await asyncio.gather(stage.redrive(), stage.redrive())

    assert sum(outcomes[Outcome.SENT] for outcomes in both) == 40
    assert len(stage.arrived()) == 40


async def test_a_letter_without_a_row_stays(stage: Stage) -> None:
    await stage.produce([stage.rejected(3)], with_rows=False)
    outcomes = await stage.redrive()

    assert outcomes == {Outcome.SETTLED: 1}
    assert stage.arrived() == []


async def test_a_truncated_letter_is_refused(stage: Stage) -> None:
    await stage.produce([stage.rejected(3, value=b"\x00" + b"x" * 9_000_000), stage.rejected(4)])
    outcomes = await stage.redrive()

    assert outcomes == {Outcome.TRUNCATED: 1, Outcome.SENT: 1}
    assert stage.arrived() == [b"\x00value 4"]
    assert await stage.open_letters() == 1


async def test_only_letters_of_the_reason_and_topic_are_sent(stage: Stage) -> None:
    other_reason = msgspec.structs.replace(stage.rejected(4), rejection=Rejection("too_large"))
    await stage.produce([stage.rejected(3), other_reason])
    outcomes = await stage.redrive(reason="too_large")

    assert outcomes == {Outcome.SENT: 1, Outcome.OTHER_REASON: 1}
    assert stage.arrived() == [b"\x00value 4"]


async def test_a_limit_leaves_the_rest_for_the_next_run(stage: Stage) -> None:
    await stage.produce([stage.rejected(offset) for offset in range(5)])
    first, second = await stage.redrive(limit=2), await stage.redrive(limit=9)

    assert first == {Outcome.SENT: 2}
    assert second == {Outcome.ALREADY_REDRIVEN: 2, Outcome.SENT: 3}
    assert len(stage.arrived()) == 5


async def test_a_dry_run_sends_and_marks_nothing(stage: Stage) -> None:
    letter = stage.rejected(3)
    await stage.produce([letter, letter])
    outcomes = await stage.redrive(is_dry_run=True)

    assert outcomes == {Outcome.SENT: 1, Outcome.ALREADY_REDRIVEN: 1}
    assert stage.arrived() == []
    assert await stage.open_letters() == 1


async def test_a_repaired_value_is_sent_and_others_stay(stage: Stage) -> None:
    async def repair(value: bytes) -> bytes | None:
        return value.upper() if value.endswith(b"3") else None

    await stage.produce([stage.rejected(3), stage.rejected(4)])
    outcomes = await stage.redrive(repair=repair)

    assert outcomes == {Outcome.SENT: 1, Outcome.UNREPAIRED: 1}
    assert stage.arrived() == [b"\x00VALUE 3"]
    assert await stage.open_letters() == 1


async def test_a_value_too_large_for_the_broker_stays_and_stops_no_other(stage: Stage) -> None:
    async def repair(value: bytes) -> bytes | None:
        # Random: lz4 must not make it fit again.
        return secrets.token_bytes(8_420_000) if value.endswith(b"3") else value

    await stage.produce([stage.rejected(offset, key=b"one") for offset in (2, 3, 4)])
    outcomes = await stage.redrive(repair=repair)

    assert outcomes == {Outcome.SENT: 2, Outcome.REFUSED: 1}
    assert stage.arrived() == [b"\x00value 2", b"\x00value 4"]


async def test_an_old_record_gets_a_time_that_the_broker_keeps(stage: Stage) -> None:
    await stage.produce([stage.rejected(3, timestamp_ms=1_000_000_000_000)])
    await stage.redrive()
    (record,) = await read_records(stage.bootstrap, stage.topic, 1)

    assert record.timestamp_ms >= NOW_MS


async def test_a_missing_topic_is_a_configuration_error(stage: Stage) -> None:
    stage.topic = "no.such.topic"

    with pytest.raises(ConfigError, match=r"no\.such\.topic"):
        await stage.redrive()
