"""Dictionaries that stay small."""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """A cache in two generations: what is not asked for again is forgotten.

    It holds at most `capacity` entries in each generation.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.newer: dict[K, V] = {}
        self.older: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.newer) + len(self.older)

    def get(self, key: K) -> V | None:
        """Return the value of a key, None when it is not known (any more)."""
        value = self.newer.get(key)
        if value is None:
            value = self.older.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember a value; the older generation is forgotten when the newer is full."""
        if len(self.newer) >= self.capacity:
            self.older = self.newer
            self.newer = {}
        self.newer[key] = value


class ComputingCache(dict[str, str]):
    """A dictionary that computes what it lacks, and starts afresh when it is full."""

    def __init__(self, capacity: int, compute: Callable[[str], str], *, max_key_chars: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.compute = compute
        self.max_key_chars = max_key_chars

    def __missing__(self, key: str) -> str:
        value = self.compute(key)
        if len(key) <= self.max_key_chars:
            if len(self) >= self.capacity:
                self.clear()
            self[key] = value
        return value
