"""The features a project has been taught, and how rare each is."""

from typing import Final, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from streams.domain.triage.arithmetic import log
from streams.domain.triage.features import COUNT_WEIGHTS, SLOT_BITS, Shape
from streams.domain.triage.hashing import Slots

Rows = npt.NDArray[np.int32]
Values = npt.NDArray[np.float32]
_Scalar = TypeVar("_Scalar", bound=np.generic)

# Beyond this many tickets all frequencies are halved: rarity is a matter of the recent past.
MAX_TICKETS: Final = 1 << 15
_LOGS: Final = np.append(0.0, log(np.arange(1, MAX_TICKETS + 3, dtype=np.float64))).astype(
    np.float32
)
_FIRST_CAPACITY: Final = 1 << 10
_COLUMN_STEP: Final = 8


class VocabularyState(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot holds of a vocabulary: slots and frequencies in order of their rows."""

    slots: bytes
    frequencies: bytes
    ticket_count: int


class Vocabulary:
    """Slots -> dense rows, at most 2^18 of them; row 0 stands for everything unknown."""

    def __init__(self) -> None:
        self.row_of_slot: Rows = np.zeros(1 << SLOT_BITS, np.int32)
        self.frequencies: Rows = np.zeros(_FIRST_CAPACITY, np.int32)
        self.row_count = 1
        self.ticket_count = 0

    def rows(self, slots: Slots) -> Rows:
        """Return the rows of `slots`, 0 for an unknown one."""
        return take(self.row_of_slot, slots)

    def admit(self, slots: Slots) -> Rows:
        """Count a ticket with these slots, giving rows to new ones, and return the rows."""
        unknown = np.unique(slots[self.row_of_slot[slots] == 0])
        first, self.row_count = self.row_count, self.row_count + len(unknown)
        self.row_of_slot[unknown] = np.arange(first, self.row_count, dtype=np.int32)
        self.frequencies = grow_rows(self.frequencies, self.row_count)
        rows = self.rows(slots)
        if self.ticket_count >= MAX_TICKETS:
            self.frequencies >>= 1
            self.ticket_count >>= 1
        self.frequencies[rows] += 1
        self.ticket_count += 1
        return rows

    def weigh(self, shape: Shape, rows: Rows) -> Values:
        """Return the value of each feature: its count, damped, by its rarity; groups as long."""
        rarest = _LOGS[self.ticket_count + 1] + np.float32(1)
        rarity = rarest - take(_LOGS, take(self.frequencies, rows) + 1)
        values: Values = take(COUNT_WEIGHTS, shape.counts) * rarity
        if len(values):
            lengths = np.sqrt(np.add.reduceat(values * values, shape.bounds[:-1], dtype=np.float64))
            scales = (shape.weights / lengths).astype(np.float32)
            values *= np.repeat(scales, np.diff(shape.bounds))
        return values

    def state(self) -> VocabularyState:
        """Return what is needed to go on from here."""
        slot_of_row = np.zeros(self.row_count, np.int32)
        known = np.flatnonzero(self.row_of_slot)
        slot_of_row[self.row_of_slot[known]] = known
        return VocabularyState(
            slots=slot_of_row.astype("<i4").tobytes(),
            frequencies=self.frequencies[: self.row_count].astype("<i4").tobytes(),
            ticket_count=self.ticket_count,
        )

    @classmethod
    def from_state(cls, state: VocabularyState) -> "Vocabulary":
        """Return the vocabulary that `state` was taken from."""
        vocabulary = cls()
        slot_of_row = np.frombuffer(state.slots, "<i4")
        vocabulary.row_count = len(slot_of_row)
        vocabulary.row_of_slot[slot_of_row[1:]] = np.arange(1, len(slot_of_row), dtype=np.int32)
        frequencies = np.frombuffer(state.frequencies, "<i4").astype(np.int32)
        vocabulary.frequencies = grow_rows(frequencies, vocabulary.row_count)
        vocabulary.ticket_count = state.ticket_count
        return vocabulary


def grow_rows(array: npt.NDArray[_Scalar], row_count: int) -> npt.NDArray[_Scalar]:
    """Return `array` with room for `row_count` rows, the new ones zero; it at least doubles."""
    if row_count <= len(array):
        return array
    capacity = max(row_count, 2 * len(array))
    grown = np.zeros((capacity, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


def grow_columns(table: Values, column_count: int) -> Values:
    """Return `table` with room for `column_count` columns, the new ones zero; by eight at once."""
    if column_count <= table.shape[1]:
        return table
    grown = np.zeros((len(table), table.shape[1] + _COLUMN_STEP), table.dtype)
    grown[:, : table.shape[1]] = table
    return grown


def take_rows(table: Values, rows: Rows) -> Values:
    """Return these rows of `table`, for one beyond its end the empty row 0."""
    if int(rows.max(initial=0)) >= len(table):
        rows = np.where(rows < len(table), rows, 0)
    return take(table, rows)


def take(table: npt.NDArray[_Scalar], rows: npt.NDArray[np.integer]) -> npt.NDArray[_Scalar]:
    """Return these rows of `table`, all of them in it; so said, numpy need not look."""
    return table.take(rows, axis=0, mode="clip")


def weighted_sums(table: Values, values: Values) -> Values:
    """Return the sum of each column, rows times values; row by row, the same on every machine.

    Columns are added up as they lie: leaving out those that are empty would take longer.
    """
    sums: Values = np.add.reduce(table * values[:, None], axis=0)
    return sums
