from hypothesis import given
from hypothesis import strategies as st

from schemas.records import SourceRecord
from streams.domain.log_lines import LinePreparer, PreparedRecord
from streams.domain.shape_budget import COARSE_ROOM, ShapeBudget, new_shapes
from streams.domain.templates import shape_id

PREPARER = LinePreparer()


def record(offset: int, body: str) -> PreparedRecord:
    value = f"2026-11-25T07:00:00Z INFO {body}".encode()
    return PREPARER.prepare(
        SourceRecord(topic="t", partition=0, offset=offset, value=value, timestamp_ms=1)
    )


def shape_ids(records: list[PreparedRecord]) -> list[int]:
    return [line.stored.shape_id for one in records for line in one.lines]


def test_shapes_within_the_room_stay_as_they_are() -> None:
    records = [record(0, "disk full"), record(1, "link up"), record(2, "disk full")]
    budget = ShapeBudget(2, {})

    assert [budget.admit(one) for one in records] == records


def test_a_shape_beyond_the_room_becomes_that_of_its_first_word() -> None:
    budget = ShapeBudget(1, {})
    budget.admit(record(0, "disk full"))

    fitted = budget.admit(record(1, "alpha beta gamma"))

    assert fitted.lines[0].shape == "alpha <*>"
    assert fitted.lines[0].stored.shape_id == shape_id(None, "alpha <*>")
    assert fitted.lines[0].stored.event.body == "alpha beta gamma"


def test_a_flood_of_first_words_ends_in_one_shape_for_anything() -> None:
    budget = ShapeBudget(1, {})
    words = ["".join(chr(97 + int(digit)) for digit in f"{n:04}") for n in range(2 * COARSE_ROOM)]

    shapes = {
        budget.admit(record(n, f"{word} came by")).lines[0].shape for n, word in enumerate(words)
    }

    assert "<*>" in shapes
    assert len(shapes) <= 1 + COARSE_ROOM + 1


@given(
    st.lists(st.sampled_from([f"{a} {b}" for a in "pqrs" for b in ("up", "down", "left")])),
    st.integers(0, 40),
)
def test_the_cut_into_batches_changes_nothing(bodies: list[str], cut: int) -> None:
    records = [record(offset, body) for offset, body in enumerate(bodies)]
    whole = ShapeBudget(3, {})
    expected = shape_ids([whole.admit(one) for one in records])

    first = ShapeBudget(3, {})
    head = [first.admit(one) for one in records[:cut]]
    second = ShapeBudget(3, new_shapes(head))
    tail = [second.admit(one) for one in records[cut:]]

    assert shape_ids(head + tail) == expected
