"""The last answered tickets of a project, from which the learner goes over old ground."""

from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np

from streams.domain.triage.features import Reading
from streams.domain.triage.vocabulary import Rows, Values

MAX_FEATURES: Final = 1 << 20
MAX_EXAMPLES: Final = 20_000
_KEY_BYTES: Final = 8


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """An answered ticket: its features as rows, weighed then, and what it was said to be."""

    key: bytes
    rows: Rows
    values: Values
    labels: dict[str, str]


class ExampleState(msgspec.Struct, frozen=True, array_like=True):
    """An example as a snapshot holds it."""

    key: bytes
    rows: bytes
    values: bytes
    labels: dict[str, str]


class Memory:
    """A bounded queue of examples: the oldest go first, a new answer replaces the ticket's old."""

    def __init__(self) -> None:
        self.examples: dict[bytes, Example] = {}
        self.order: list[bytes] = []
        self.feature_count = 0

    def add(self, example: Example) -> None:
        """Add an example; the answers of an equal ticket are replaced where they differ."""
        known = self.examples.get(example.key)
        if known is not None:
            labels = {**known.labels, **example.labels}
            self.examples[example.key] = msgspec.structs.replace(known, labels=labels)
            return
        self.examples[example.key] = example
        self.order.append(example.key)
        self.feature_count += len(example.rows)
        self._forget()

    def at(self, position: int) -> Example:
        """Return the example at a position, 0 being the oldest."""
        return self.examples[self.order[position]]

    def __len__(self) -> int:
        return len(self.order)

    def state(self) -> list[ExampleState]:
        """Return what is needed to go on from here."""
        return [_pack(self.examples[key]) for key in self.order]

    @classmethod
    def from_state(cls, states: list[ExampleState]) -> "Memory":
        """Return the memory that the states were taken from."""
        memory = cls()
        for state in states:
            memory.add(_unpack(state))
        return memory

    def _forget(self) -> None:
        if self.feature_count <= MAX_FEATURES and len(self.order) <= MAX_EXAMPLES:
            return
        # A quarter at once: taking single keys off the front of a long list is slow.
        limit = 3 * min(MAX_FEATURES, self.feature_count) // 4
        cut = 0
        while self.feature_count > limit or len(self.order) - cut > 3 * MAX_EXAMPLES // 4:
            self.feature_count -= len(self.examples.pop(self.order[cut]).rows)
            cut += 1
        del self.order[:cut]


def key_of(reading: Reading) -> bytes:
    """Return a key that equal tickets share."""
    digest = blake2b(reading.slots.astype("<i4").tobytes(), digest_size=_KEY_BYTES)
    digest.update(reading.shape.counts.tobytes())
    return digest.digest()


def _pack(example: Example) -> ExampleState:
    return ExampleState(
        example.key,
        example.rows.astype("<i4").tobytes(),
        example.values.astype("<f4").tobytes(),
        dict(sorted(example.labels.items())),
    )


def _unpack(state: ExampleState) -> Example:
    return Example(
        key=state.key,
        rows=np.frombuffer(state.rows, "<i4"),
        values=np.frombuffer(state.values, "<f4"),
        labels=state.labels,
    )
