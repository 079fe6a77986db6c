"""The sample stream through the local product: sent, awaited, and shown."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import asyncpg
import click
import msgspec
from aiokafka import AIOKafkaProducer

from aiops.sample_stream import sample_lines
from schemas.db.pool import CONNECT_TIMEOUT_S
from schemas.errors import AiOpsError
from schemas.settings import Settings
from schemas.summaries import WindowSummary
from schemas.topics import LOGS_RAW

POLL_S: Final = 0.2


class DemoFailedError(AiOpsError):
    """The sample did not come out as it went in."""


async def send_sample(settings: Settings) -> int:
    """Produce the sample stream as of now and return how many lines it has."""
    lines = sample_lines(datetime.now(UTC))
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        acks="all",
        compression_type="lz4",
        linger_ms=20,
        max_batch_size=256 * 1024,
    )
    await producer.start()
    try:
        for line in lines:
            timestamp_ms = int(line.moment.timestamp() * 1000)
            await producer.send(LOGS_RAW.name, line.value, timestamp_ms=timestamp_ms)
        await producer.flush()
    finally:
        await producer.stop()
    return len(lines)


SELECT_RESULT: Final = """
SELECT coalesce(sum(lines), 0)::bigint AS lines, count(*) AS windows,
       coalesce(bool_and((document_json ->> 'lines')::bigint = severities
           AND severities = templates), true) AS adds_up
FROM (
    SELECT lines, convert_from(document, 'UTF8')::jsonb AS document_json
    FROM log_window_summaries) AS summaries,
LATERAL (
    SELECT sum(value::bigint) AS severities
    FROM jsonb_each_text(document_json -> 'severity_counts')) AS by_severity,
LATERAL (
    SELECT coalesce(sum((top ->> 'count')::bigint), 0)
        + (document_json ->> 'other_count')::bigint AS templates
    FROM jsonb_array_elements(document_json -> 'top_templates') AS top) AS by_template
"""


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the stored summaries say; `adds_up` when every window's counts sum to its lines."""

    lines: int
    windows: int
    adds_up: bool


async def await_result(settings: Settings, *, lines: int, timeout_s: float) -> DemoResult:
    """Return the stored result once all summaries together hold `lines` lines.

    Raises:
        DemoFailedError: they do not within the time, or their counts do not add up.
    """
    connection = await asyncpg.connect(settings.postgres_dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        result = None
        for _ in _ticks(timeout_s):
            row = await connection.fetchrow(SELECT_RESULT)
            result = DemoResult(**dict(row or {}))
            if result.lines >= lines:
                break
            await asyncio.sleep(POLL_S)
    finally:
        await connection.close()
    if result is None or result.lines != lines:
        stored = 0 if result is None else result.lines
        raise DemoFailedError(f"{lines} lines were sent, the summaries hold {stored}")
    if not result.adds_up:
        raise DemoFailedError("the counts of a window do not add up to its lines")
    return result


SELECT_MOST_UNUSUAL: Final = """
SELECT document FROM log_window_summaries
ORDER BY unusual DESC, (convert_from(document, 'UTF8')::jsonb ->> 'score')::float8 DESC, start_ns
LIMIT 1
"""


async def first_summary(settings: Settings, *, timeout_s: float) -> WindowSummary:
    """Return the most unusual window summary, as soon as there is one.

    Raises:
        DemoFailedError: none came within the time.
    """
    connection = await asyncpg.connect(settings.postgres_dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        for _ in _ticks(timeout_s):
            document = await connection.fetchval(SELECT_MOST_UNUSUAL)
            if document is not None:
                return msgspec.json.decode(document, type=WindowSummary)
            await asyncio.sleep(POLL_S)
    finally:
        await connection.close()
    raise DemoFailedError(f"no window summary within {timeout_s:g} s")


def show_summary(summary: WindowSummary) -> None:
    """Print a window summary for people."""
    click.echo(
        f"\n{summary.service or 'no service'}  {summary.window_start}  {summary.lines} lines"
    )
    click.secho(summary.headline, bold=True)
    for finding in summary.findings[:5]:
        click.echo(
            f"  {finding.kind.value:14} {finding.severity:6} x{finding.count:<5} {finding.template}"
        )
    for top in summary.top_templates[:5]:
        click.echo(f"  {top.count:6}  {top.template}")


def _ticks(timeout_s: float) -> Iterator[None]:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        yield
