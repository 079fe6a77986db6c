"""What the tickets of each label have in common: their mean, in whatever order they came."""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from streams.domain.triage.arithmetic import Floats, log
from streams.domain.triage.vocabulary import (
    Rows,
    Values,
    grow_columns,
    grow_rows,
    take_rows,
    weighted_sums,
)

_WEIGHT: Final = 10.0
# With so many answers a label, prototypes count half: by then single features are known better.
_HALF_AT: Final = 10.0
_FIRST_CAPACITY: Final = 1 << 10
_TINY: Final = 1e-9
_ALL: Final = 0


class PrototypeState(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot holds: of all tickets, then of each label, the features' rows and sums."""

    rows: tuple[bytes, ...]
    sums: tuple[bytes, ...]
    counts: bytes
    squares: bytes
    products: bytes


class _Scales(NamedTuple):
    """What a unit of a label's sum, and of all, adds to its margin, and where that starts."""

    own: Floats
    of_all: Floats
    priors: Floats


class Prototypes:
    """Sums of the features of each label's tickets, as directions seen from the mean of all.

    Learning by steps leans to what was learned last; a mean does not.
    """

    def __init__(self) -> None:
        # Column 0 is the sum of all tickets; so are the first of the others.
        self.sums: Values = grow_columns(np.zeros((_FIRST_CAPACITY, 0), np.float32), 1)
        self.counts: Floats = np.zeros(1)
        # Of each sum the inner product with itself, and with the sum of all.
        self.squares: Floats = np.zeros(1)
        self.products: Floats = np.zeros(1)
        self._scales: _Scales | None = None

    def add_label(self) -> None:
        """Make room for the next label."""
        self.counts = np.append(self.counts, 0.0)
        self.squares = np.append(self.squares, 0.0)
        self.products = np.append(self.products, 0.0)
        self.sums = grow_columns(self.sums, len(self.counts))
        self._scales = None

    def add(self, rows: Rows, values: Values, column: int) -> Floats:
        """Add a ticket to a label; return what its features then have in common with each sum."""
        self.sums = grow_rows(self.sums, int(rows.max(initial=0)) + 1)
        shared = self.shared(self.sums_of(rows), values)
        square = float(np.add.reduce(values * values, dtype=np.float64))
        self.products += shared
        for grown in (_ALL, column + 1):
            self.products[grown] += shared[_ALL] + square
            self.squares[grown] += 2.0 * shared[grown] + square
            self.counts[grown] += 1.0
            self.sums[rows, grown] += values
        # Only now: the products above are with the sums as they were.
        shared[[_ALL, column + 1]] += square
        self._scales = None
        return shared

    def sums_of(self, rows: Rows) -> Values:
        """Return the sums of these features: of all tickets, then of each label."""
        return take_rows(self.sums, rows)

    def shared(self, sums: Values, values: Values) -> Floats:
        """Return the inner product of a ticket's features with each sum: of all, of each label."""
        return weighted_sums(sums, values)[: len(self.counts)].astype(np.float64)

    def margins(self, shared: Floats) -> Floats:
        """Return what inner products add to the margin of each label, and where it starts."""
        scales = self._current_scales()
        margins: Floats = scales.priors + scales.own * shared[1:] - scales.of_all * shared[_ALL]
        return margins

    def leads(self, sums: Values, column: int, rival: int) -> Values:
        """Return what a unit of each feature adds to the margin of a label over another's."""
        own, of_all, _ = self._current_scales()
        leads: Values = sums[:, column + 1] * np.float32(own[column])
        leads -= sums[:, rival + 1] * np.float32(own[rival])
        leads -= sums[:, _ALL] * np.float32(of_all[column] - of_all[rival])
        return leads

    def priors(self) -> Floats:
        """Return the margin at which each label starts: how frequent it is."""
        return self._current_scales().priors

    def state(self) -> PrototypeState:
        """Return what is needed to go on from here."""
        columns = self.sums[:, : len(self.counts)].T
        rows = [np.flatnonzero(column) for column in columns]
        return PrototypeState(
            rows=tuple(one.astype("<i4").tobytes() for one in rows),
            sums=tuple(
                c[one].astype("<f4").tobytes() for c, one in zip(columns, rows, strict=True)
            ),
            counts=self.counts.astype("<f8").tobytes(),
            squares=self.squares.astype("<f8").tobytes(),
            products=self.products.astype("<f8").tobytes(),
        )

    @classmethod
    def from_state(cls, state: PrototypeState) -> "Prototypes":
        """Return the prototypes that `state` was taken from."""
        prototypes = cls()
        prototypes.counts = np.frombuffer(state.counts, "<f8").copy()
        prototypes.squares = np.frombuffer(state.squares, "<f8").copy()
        prototypes.products = np.frombuffer(state.products, "<f8").copy()
        for column, (rows, sums) in enumerate(zip(state.rows, state.sums, strict=True)):
            places = np.frombuffer(rows, "<i4")
            table = grow_rows(prototypes.sums, int(places.max(initial=0)) + 1)
            prototypes.sums = grow_columns(table, column + 1)
            prototypes.sums[places, column] = np.frombuffer(sums, "<f4")
        return prototypes

    def _current_scales(self) -> _Scales:
        if self._scales is None:
            self._scales = self._scale()
        return self._scales

    def _scale(self) -> _Scales:
        counts, total = np.maximum(self.counts[1:], 1.0), max(1.0, float(self.counts[_ALL]))
        lengths = (
            self.squares[1:] / (counts * counts)
            - 2.0 * self.products[1:] / (counts * total)
            + self.squares[_ALL] / (total * total)
        )
        answered = self.counts[1:] > 0
        a_label = float(self.counts[_ALL]) / max(1, int(answered.sum()))
        share = _HALF_AT / (_HALF_AT + a_label)
        pulls = share * _WEIGHT * answered / np.sqrt(np.maximum(lengths, _TINY))
        return _Scales(pulls / counts, pulls / total, share * log(counts / total))
