"""What is learned is a fold over the feedback in offset order, on a real database."""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.db.pool import Connection
from schemas.errors import ConfigError
from schemas.events import FeedbackEvent
from schemas.topics import TRIAGE_FEEDBACK
from streams.agents.feedback import FeedbackHandler
from streams.domain.triage.config import FieldConfig, LabelConfig, ProjectConfig, TriageConfig
from streams.domain.triage.model import TriageModel
from streams.offsets import OffsetSpan
from streams.store.feedback import SNAPSHOTS_KEPT, StoredFeedback
from streams.triage_keeper import TriageKeeper, hash_rules
from tests.refold import refold_elsewhere
from tests.ticket_records import (
    Streams,
    feedback_event,
    feedback_record,
    fold,
    prepare_events,
    sums,
    ticket_payload,
)

pytestmark = pytest.mark.integration

LEARNED = ("feedback_events", "triage_outcomes", "triage_snapshots")
SELECT_OUTCOMES = """
SELECT field, predicted, confidence, actual, needs_human FROM triage_outcomes
ORDER BY "offset", field
"""
OTHER_CONFIG = TriageConfig(
    default=ProjectConfig(
        fields={"category": FieldConfig(labels={"bug": LabelConfig(keywords=("crashes",))})}
    )
)


def events(count: int, first: int = 0) -> list[FeedbackEvent]:
    return [feedback_event(number) for number in range(first, first + count)]


async def caught_up(connection: Connection, config: TriageConfig | None = None) -> TriageKeeper:
    """Return a keeper of another worker."""
    keeper = TriageKeeper(config or TriageConfig())
    await keeper.catch_up(connection)
    return keeper


async def replace(streams: Streams, prepared: Sequence[FeedbackEvent]) -> bool:
    """Replay the feedback topic as if these events lay on it."""
    span = OffsetSpan(topic=TRIAGE_FEEDBACK.name, partition=0, first=0, end=len(prepared))
    async with streams.connection.transaction():
        handler = FeedbackHandler(TriageConfig())
        return await handler.replace(streams.connection, span, prepare_events(prepared))


@pytest.mark.parametrize("sizes", [(1,), (3, 40, 7), ()])
async def test_any_cut_into_batches_learns_and_stores_the_same(
    connection: Connection, streams: Streams, sizes: tuple[int, ...]
) -> None:
    await Streams(connection).append_feedback(prepare_events(events(60)), 13)
    expected = await sums(connection, LEARNED)
    await connection.execute(f"TRUNCATE {', '.join(LEARNED)}, stream_offsets")

    await streams.append_feedback(prepare_events(events(60)), *sizes)

    assert await sums(connection, LEARNED) == expected
    assert (await caught_up(connection)).model.state_hash() == fold(events(60)).state_hash()


async def test_an_outcome_is_what_the_model_said_just_before(
    connection: Connection, streams: Streams
) -> None:
    await streams.append_feedback(prepare_events(events(50)), 7)

    model, expected = TriageModel(TriageConfig()), []
    for event in events(50):
        said = model.predict(event.ticket, sorted(event.labels)).fields
        expected += [
            (name, one.value, one.confidence, event.labels[name], one.needs_human)
            for name, one in said.items()
        ]
        model.learn(event)
    assert [tuple(row) for row in await connection.fetch(SELECT_OUTCOMES)] == expected


async def test_a_transaction_rolled_back_leaves_no_trace_in_the_model(
    connection: Connection, streams: Streams
) -> None:
    prepared = prepare_events(events(30))
    await streams.append_feedback(prepared[:10])
    span = OffsetSpan(topic=TRIAGE_FEEDBACK.name, partition=0, first=10, end=20)
    transaction = connection.transaction()
    await transaction.start()
    wrong = prepare_events(events(10, first=500), first_offset=10)
    await streams.feedback.append(connection, span, wrong)
    await transaction.rollback()

    await streams.append_feedback(prepared[10:], 5)

    found = await sums(connection, LEARNED)
    await connection.execute(f"TRUNCATE {', '.join(LEARNED)}, stream_offsets")
    await Streams(connection).append_feedback(prepared)
    assert await sums(connection, LEARNED) == found


async def test_a_model_that_failed_midway_is_not_used_again(
    connection: Connection, streams: Streams
) -> None:
    await streams.append_feedback(prepare_events(events(5)))
    keeper = await caught_up(connection)
    # No label is a number: learning stops after the first of the fields.
    broken = msgspec.structs.replace(events(1)[0], labels={"category": "bug", "team": 7})
    with pytest.raises(TypeError):
        keeper.learn(StoredFeedback(5, broken))
    await keeper.catch_up(connection)

    assert keeper.model.state_hash() == fold(events(5)).state_hash()


async def test_the_state_is_the_same_from_the_start_from_a_snapshot_and_elsewhere(
    connection: Connection, streams: Streams, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.triage_keeper.SNAPSHOT_EVENTS", 50)
    await streams.append_feedback(prepare_events(events(70)), 15)
    snapshots = await connection.fetch("SELECT feedback_offset, state_hash FROM triage_snapshots")
    from_snapshot = await caught_up(connection)
    elsewhere = [refold_elsewhere(database, seed).state_hash for seed in (1, 77)]
    await connection.execute("DELETE FROM triage_snapshots")
    from_start = await caught_up(connection)

    whole = fold(events(70)).state_hash()
    assert [tuple(row) for row in snapshots] == [(50, fold(events(50)).state_hash())]
    assert from_snapshot.model.state_hash() == whole
    assert from_start.model.state_hash() == whole
    assert elsewhere == [whole, whole]


async def test_a_worker_that_starts_learns_nothing_below_a_snapshot(
    connection: Connection, streams: Streams
) -> None:
    await streams.append_feedback(prepare_events(events(20)))
    await store_snapshot(connection, await caught_up(connection))
    await connection.execute("DELETE FROM feedback_events")

    assert (await caught_up(connection)).model.state_hash() == fold(events(20)).state_hash()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE triage_snapshots SET payload = substr(payload, 2)",
        "UPDATE triage_snapshots SET payload = ''",
        "UPDATE triage_snapshots SET rules_hash = 'of other code', payload = 'else'",
    ],
)
async def test_a_snapshot_that_can_not_be_used_costs_time_and_nothing_else(
    connection: Connection, streams: Streams, damage: str
) -> None:
    await streams.append_feedback(prepare_events(events(20)))
    keeper = await caught_up(connection)
    await store_snapshot(connection, keeper)
    await connection.execute(damage)

    assert (await caught_up(connection)).model.state_hash() == keeper.model.state_hash()


async def store_snapshot(connection: Connection, keeper: TriageKeeper) -> None:
    snapshot = msgspec.structs.astuple(keeper.snapshot())
    await connection.execute("INSERT INTO triage_snapshots VALUES ($1, $2, $3, $4)", *snapshot)


async def test_other_choices_do_not_go_on_from_a_snapshot_of_these(
    connection: Connection, streams: Streams
) -> None:
    await streams.append_feedback(prepare_events(events(20)))
    await store_snapshot(connection, await caught_up(connection))

    other = await caught_up(connection, OTHER_CONFIG)
    assert other.model.state_hash() == fold(events(20), OTHER_CONFIG).state_hash()
    assert hash_rules(OTHER_CONFIG) != hash_rules(TriageConfig())


async def test_a_worker_that_starts_under_other_choices_keeps_snapshots_of_its_own(
    connection: Connection, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a start that is cut short does not begin again."""
    monkeypatch.setattr("streams.triage_keeper.SNAPSHOT_EVENTS", 4)
    await streams.append_feedback(prepare_events(events(21)))
    starting = TriageKeeper(OTHER_CONFIG)
    await starting.warm_up(connection)
    rows = await connection.fetch("SELECT feedback_offset, rules_hash FROM triage_snapshots")
    kept = {tuple(row) for row in rows}

    assert kept == {(offset, hash_rules(OTHER_CONFIG)) for offset in (4, 8, 12, 16, 20)}
    assert starting.model.state_hash() == fold(events(21), OTHER_CONFIG).state_hash()


async def test_few_snapshots_are_kept(
    connection: Connection, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.triage_keeper.SNAPSHOT_EVENTS", 2)
    await streams.append_feedback(prepare_events(events(20)), 3)
    kept = await connection.fetch("SELECT feedback_offset FROM triage_snapshots ORDER BY 1")

    assert [row[0] for row in kept] == [12, 14, 16, 18, 20]
    assert len(kept) == SNAPSHOTS_KEPT


async def test_a_keeper_goes_back_to_an_earlier_offset(
    connection: Connection, streams: Streams
) -> None:
    await streams.append_feedback(prepare_events(events(20)))
    keeper = await caught_up(connection)
    await keeper.learn_up_to(connection, 7)

    assert keeper.model.state_hash() == fold(events(7)).state_hash()
    assert keeper.offset == 7


async def test_a_wrong_correction_is_corrected_by_a_later_one(
    connection: Connection, streams: Streams
) -> None:
    wrong = feedback_event(3, category="question", team="web")
    right = feedback_event(3, category="bug", team="infra")
    await streams.append_feedback(prepare_events([*events(20), wrong]))
    taught = (await caught_up(connection)).model.predict(wrong.ticket)
    await streams.append_feedback(prepare_events([right], first_offset=21))
    mended = (await caught_up(connection)).model.predict(wrong.ticket)

    assert (taught.fields["category"].value, taught.fields["team"].value) == ("question", "web")
    assert (mended.fields["category"].value, mended.fields["team"].value) == ("bug", "infra")


async def test_a_correction_is_in_effect_for_the_next_ticket(
    connection: Connection, streams: Streams
) -> None:
    title = "login crashes after lunch"
    await streams.send(ticket_payload("T-1", title), offset=0)
    ticket = msgspec.structs.replace(feedback_event(1).ticket, title=title)
    taught = FeedbackEvent(ticket=ticket, labels={"team": "lunch"})
    await streams.append_feedback(prepare_events([taught]))
    await streams.send(ticket_payload("T-2", title), offset=1)
    select_team = "SELECT ticket_id, value FROM triage_fields WHERE field = 'team' ORDER BY 1"

    assert [tuple(row) for row in await connection.fetch(select_team)] == [
        ("T-1", None),
        ("T-2", "lunch"),
    ]


async def test_a_replay_of_the_same_feedback_changes_nothing(
    connection: Connection, streams: Streams
) -> None:
    await streams.append_feedback(prepare_events(events(20)))
    before = await sums(connection, LEARNED)

    assert not await replace(streams, events(20))
    assert await sums(connection, LEARNED) == before


async def test_a_replay_of_other_feedback_folds_all_behind_it_anew(
    connection: Connection, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.triage_keeper.SNAPSHOT_EVENTS", 6)
    monkeypatch.setattr("streams.agents.feedback.FOLD_EVENTS", 4)
    said = [feedback_event(0, category="question"), *events(30, first=1)]
    await Streams(connection).append_feedback(prepare_events(said))
    expected = await sums(connection, LEARNED)
    await connection.execute(f"TRUNCATE {', '.join(LEARNED)}, stream_offsets")
    await streams.append_feedback(prepare_events([*events(1), *said[1:]]))

    assert await replace(streams, said[:3])
    assert await sums(connection, LEARNED) == expected


async def test_workers_hear_that_what_they_learned_was_rewritten(
    connection: Connection, streams: Streams
) -> None:
    """Those that triage, and the one that goes on learning."""
    said = [feedback_event(0, category="question"), *events(9, first=1)]
    await streams.append_feedback(prepare_events(events(10)))
    triaging = await caught_up(connection)
    await replace(streams, said)
    await triaging.catch_up(connection)
    await streams.append_feedback(prepare_events(events(5, first=10), first_offset=10))
    found = await sums(connection, LEARNED)
    await connection.execute(f"TRUNCATE {', '.join(LEARNED)}, stream_offsets")
    await Streams(connection).append_feedback(prepare_events([*said, *events(5, first=10)]))

    assert triaging.model.state_hash() == fold(said).state_hash()
    assert await sums(connection, LEARNED) == found


async def test_rejected_and_missing_offsets_are_passed_over(
    connection: Connection, streams: Streams
) -> None:
    prepared = prepare_events(events(3))
    garbage = streams.feedback.prepare(
        msgspec.structs.replace(feedback_record(events(1)[0], 3), value=b"no feedback")
    )
    later = prepare_events(events(2, first=3), first_offset=900)
    await streams.append_feedback([*prepared, garbage, *later])
    keeper = await caught_up(connection)

    assert garbage.is_rejected
    assert keeper.model.state_hash() == fold(events(5)).state_hash()
    assert keeper.offset == 902


async def test_feedback_of_a_second_partition_is_refused(
    connection: Connection, streams: Streams
) -> None:
    span = OffsetSpan(topic=TRIAGE_FEEDBACK.name, partition=1, first=0, end=1)

    with pytest.raises(ConfigError, match="one partition"):
        await streams.feedback.append(connection, span, prepare_events(events(1)))
