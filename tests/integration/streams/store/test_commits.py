import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from schemas.db.pool import Connection
from schemas.records import SourceRecord
from streams.changelog_writer import ChangelogWriter
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.commits.prepared import PreparedCommits, prepare_commits
from streams.offsets import OffsetSpan
from streams.store.commits import (
    append_statements,
    clear_dirty,
    replace_statements,
    select_dirty,
)
from tests.checksums import Checksum, table_checksums
from tests.commit_records import (
    HOSTILE,
    REPOSITORY,
    TOPIC,
    Payload,
    commit_payload,
    history,
    override_payload,
    prepare_payloads,
    tag_payload,
)
from tests.unit.streams.domain.changelog.histories import sha

pytestmark = pytest.mark.integration

# What records say, whatever offsets they lie at.
SAID = ("commit_contents", "commits", "changelogs")


async def append(
    connection: Connection, prepared: Sequence[PreparedCommits], *sizes: int, partition: int = 0
) -> None:
    """Append in batches of these sizes, over and over; all at once where none are given."""
    edges = [0]
    while edges[-1] < len(prepared):
        edges.append(edges[-1] + (sizes[len(edges) % len(sizes)] if sizes else len(prepared)))
    for start, end in pairwise(edges):
        batch = prepared[start:end]
        covered = span(batch[0].offset, batch[-1].offset + 1, partition)
        async with connection.transaction():
            await append_statements(connection, covered, batch)


def span(first: int, end: int, partition: int = 0) -> OffsetSpan:
    return OffsetSpan(topic=TOPIC, partition=partition, first=first, end=end)


async def write(connection: Connection, config: ChangelogConfig | None = None) -> None:
    """Write the changelogs as a leader does that has just started."""
    await ChangelogWriter(connection, config or ChangelogConfig()).run_cycle()


async def sums(connection: Connection, tables: Sequence[str] = SAID) -> dict[str, Checksum]:
    found = await table_checksums(connection)
    return {table: found[table] for table in tables}


async def empty(connection: Connection) -> None:
    await connection.execute(
        "TRUNCATE commit_contents, commit_events, dirty_repositories, commits, changelogs"
    )


async def stored(connection: Connection, payloads: Sequence[Payload]) -> dict[str, Checksum]:
    """Return what is stored of payloads that come in one batch."""
    await append(connection, prepare_payloads(payloads))
    await write(connection)
    found = await sums(connection)
    await empty(connection)
    return found


async def changelogs(connection: Connection) -> dict[str, dict[str, Any]]:
    rows = await connection.fetch("SELECT * FROM changelogs ORDER BY position")
    return {row["release"]: dict(row) for row in rows}


async def revisions(connection: Connection) -> dict[str, int]:
    return {name: row["revision"] for name, row in (await changelogs(connection)).items()}


@pytest.mark.parametrize("sizes", [(1,), (2, 5, 17), (30, 1)])
async def test_any_cut_into_batches_stores_the_same(
    connection: Connection, sizes: tuple[int, ...]
) -> None:
    expected = await stored(connection, history())
    writer = ChangelogWriter(connection, ChangelogConfig())
    for batch in pairwise(range(0, len(history()) + 10, 10)):
        part = prepare_payloads(history()[slice(*batch)], first_offset=batch[0])
        await append(connection, part, *sizes)
        await writer.run_cycle()

    assert await sums(connection) == expected
    assert expected["changelogs"].rows > 8


@pytest.mark.parametrize("seed", [None, *range(20)])
async def test_reversed_or_shuffled_with_repetitions_the_same_is_stored(
    connection: Connection, seed: int | None
) -> None:
    expected = await stored(connection, history())
    payloads = history()[::-1]
    if seed is not None:
        rng = random.Random(seed)
        payloads += rng.sample(payloads, len(payloads) * 3 // 10)
        rng.shuffle(payloads)
    writer = ChangelogWriter(connection, ChangelogConfig())
    half = len(payloads) // 2
    await append(connection, prepare_payloads(payloads[:half]), 7)
    await writer.run_cycle()
    await append(connection, prepare_payloads(payloads[half:], first_offset=half), 7)
    await writer.run_cycle()

    assert await sums(connection) == expected


async def test_one_partition_or_four_store_the_same(connection: Connection) -> None:
    expected = await stored(connection, history())
    for partition in range(4):
        part = prepare_payloads(history()[partition::4], partition=partition)
        await append(connection, part, 3, partition=partition)
    await write(connection)

    assert await sums(connection) == expected


async def test_replacing_a_block_with_itself_changes_nothing(connection: Connection) -> None:
    prepared = prepare_payloads(history())
    await append(connection, prepared, 9)
    await write(connection)
    before = await table_checksums(connection), await revisions(connection)

    changed = await replace_statements(connection, span(0, len(prepared)), prepared)
    await write(connection)

    assert not changed
    assert (await table_checksums(connection), await revisions(connection)) == before


async def test_a_replaced_block_is_as_if_it_had_always_been_so(connection: Connection) -> None:
    payloads = history()
    expected = await stored(connection, payloads)
    wrong = [*payloads[:20], commit_payload("wrong", "feat: never", "2"), *payloads[21:]]
    await append(connection, prepare_payloads(wrong))
    await write(connection)

    async with connection.transaction():
        changed = await replace_statements(
            connection, span(0, len(payloads)), prepare_payloads(payloads)
        )
    await write(connection)

    assert changed
    assert await sums(connection) == expected


async def test_a_statement_that_another_record_makes_outlives_a_replaced_one(
    connection: Connection,
) -> None:
    payload = commit_payload("a", "feat: a")
    await append(connection, prepare_payloads([payload]))
    await append(connection, prepare_payloads([payload], partition=1), partition=1)

    await replace_statements(connection, span(0, 1), [])

    assert await connection.fetchval("SELECT count(*) FROM commit_contents") == 1


async def test_a_repository_nobody_speaks_of_any_more_is_gone(connection: Connection) -> None:
    prepared = prepare_payloads(history(12))
    await append(connection, prepared)
    await write(connection)

    await replace_statements(connection, span(0, len(prepared)), [])
    await write(connection)

    assert {table: one.rows for table, one in (await sums(connection)).items()} == dict.fromkeys(
        SAID, 0
    )


async def test_a_late_commit_raises_the_revision_of_its_release_alone(
    connection: Connection,
) -> None:
    payloads = history()
    late = next(one for one in payloads if one.get("sha") == sha("side"))
    await append(connection, prepare_payloads([one for one in payloads if one is not late]))
    writer = ChangelogWriter(connection, ChangelogConfig())
    await writer.run_cycle()
    before = await revisions(connection)

    await append(connection, prepare_payloads([late], first_offset=1_000))
    await writer.run_cycle()

    raised = {name for name, one in (await revisions(connection)).items() if one > before[name]}
    assert raised == {"v2.0.0"}


async def test_what_changes_no_input_touches_no_row(connection: Connection) -> None:
    payloads = history()
    await append(connection, prepare_payloads(payloads))
    writer = ChangelogWriter(connection, ChangelogConfig())
    await writer.run_cycle()
    places = "SELECT ctid, xmin FROM changelogs ORDER BY release"
    before = await connection.fetch(places)

    await append(connection, prepare_payloads(payloads, first_offset=1_000))
    await writer.run_cycle()

    assert await connection.fetch(places) == before
    assert await connection.fetchval("SELECT count(*) FROM dirty_repositories") == 0


async def test_a_tag_moves_and_goes(connection: Connection) -> None:
    commits = [
        commit_payload(str(number), f"feat: {number}", str(number - 1) if number else "", at=number)
        for number in range(4)
    ]
    writer = ChangelogWriter(connection, ChangelogConfig())
    heads = []
    moves = (
        tag_payload("v1", "1", at=10),
        tag_payload("v1", "2", at=20),
        tag_payload("v1", None, at=30),
    )
    await append(connection, prepare_payloads(commits))
    for offset, move in enumerate(moves, len(commits)):
        await append(connection, prepare_payloads([move], first_offset=offset))
        await writer.run_cycle()
        rows = await connection.fetch(
            "SELECT sha FROM commits WHERE release = 'v1' ORDER BY authored_s"
        )
        heads.append([row["sha"] for row in rows])

    assert heads == [[sha("0"), sha("1")], [sha("0"), sha("1"), sha("2")], []]
    assert list(await changelogs(connection)) == [""]


async def test_a_mark_renewed_while_it_is_worked_on_stays(connection: Connection) -> None:
    await append(connection, prepare_payloads([commit_payload("a", "feat: a")]))
    seen = await select_dirty(connection)
    await append(connection, prepare_payloads([commit_payload("b", "fix: b")], first_offset=1))

    await clear_dirty(connection, seen)
    renewed = await select_dirty(connection)
    await clear_dirty(connection, renewed)

    assert [mark.generation for mark in seen + renewed] == [1, 2]
    assert await select_dirty(connection) == []


async def test_text_that_postgres_refuses_breaks_no_write(connection: Connection) -> None:
    payloads = [
        commit_payload("nul", HOSTILE, author="A\0nn <a@example.org>"),
        commit_payload("long", "feat: " + "x" * 42_000, "nul", at=1),
        commit_payload("empty", "", "long", at=2),
        override_payload("nul", at=3, subject="sub\0ject", scope="\0"),
    ]
    lone = b'{"sha": "%s", "message": "fix: half \\ud800 pair", "author": "\\udfff"}'
    prepared = prepare_payloads(payloads)
    await append(connection, prepared)
    record = SourceRecord(
        topic=TOPIC,
        partition=0,
        offset=9,
        value=lone % sha("lone").encode(),
        key=REPOSITORY.encode(),
    )
    await append(connection, [prepare_commits(record)])
    await write(connection)

    rows = await connection.fetch("SELECT sha, message, author FROM commits")
    messages = {row["sha"]: row["message"] for row in rows}
    assert messages[sha("nul")].startswith("fix: a \ufffd and")
    assert messages[sha("lone")] == "fix: half \ufffd pair"
    assert len(messages[sha("long")]) == 42_006
    assert list(await changelogs(connection)) == [""]


async def test_a_repository_that_fails_holds_up_no_other(
    connection: Connection,
) -> None:
    await connection.execute(
        "INSERT INTO commit_contents VALUES ('\\x00', 'aa/broken', 'commit', 'no JSON')"
    )
    await connection.execute(
        "INSERT INTO dirty_repositories VALUES ('commits.raw', 9, 'aa/broken')"
    )
    await append(connection, prepare_payloads([commit_payload("a", "feat: a")]))
    writer = ChangelogWriter(connection, ChangelogConfig())
    with capture_logs() as logged:
        await writer.run_cycle()
        await writer.run_cycle()

    marks = await select_dirty(connection)
    assert [mark.repository for mark in marks] == ["aa/broken"]
    assert list(await changelogs(connection)) == [""]
    assert [line["event"] for line in logged] == ["changelogs_failed"]


async def test_other_choices_rewrite_what_is_stored_at_the_next_start(
    connection: Connection,
) -> None:
    await append(connection, prepare_payloads(history()))
    await write(connection)
    usual = {name: row["content_hash"] for name, row in (await changelogs(connection)).items()}

    await write(connection, ChangelogConfig(headings="keep-a-changelog"))
    other = {name: row["content_hash"] for name, row in (await changelogs(connection)).items()}
    await write(connection)
    again = {name: row["content_hash"] for name, row in (await changelogs(connection)).items()}

    assert usual.keys() == other.keys()
    assert not set(usual.values()) & set(other.values())
    assert again == usual


async def test_a_replay_waits_for_the_writers_of_other_partitions(
    connection: Connection, database: str
) -> None:
    payload = commit_payload("a", "feat: a")
    await append(connection, prepare_payloads([payload]))
    replay = await asyncpg.connect(database)
    async with connection.transaction():
        await append_statements(connection, span(0, 1, 1), prepare_payloads([payload], partition=1))
        # The writer has not committed: the replay must not see the statement as unsaid.
        await replay.execute("SET lock_timeout = '200ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with replay.transaction():
                await replace_statements(replay, span(0, 1), [])
    await replace_statements(replay, span(0, 1), [])
    await replay.close()

    assert await connection.fetchval("SELECT count(*) FROM commit_contents") == 1
