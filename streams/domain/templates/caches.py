"""Dictionaries that stay small."""

from collections.abc import Callable
from typing import TypeVar

V = TypeVar("V")


class BoundedCache(dict[str, V]):
    """A cache in two generations: what was not asked for again is forgotten.

    It holds at most twice `capacity` entries; reading a missing key raises KeyError.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.older: dict[str, V] = {}

    def __missing__(self, key: str) -> V:
        value = self.older[key]
        self.put(key, value)
        return value

    def put(self, key: str, value: V) -> None:
        """Remember the value; the older generation is forgotten when this one is full."""
        if len(self) >= self.capacity:
            self.older = dict(self)
            self.clear()
        self[key] = value


class ComputingCache(BoundedCache[str]):
    """A bounded cache that computes what it lacks and keeps only keys that can come again."""

    def __init__(
        self, capacity: int, compute: Callable[[str], str], is_worth_keeping: Callable[[str], bool]
    ) -> None:
        super().__init__(capacity)
        self.compute = compute
        self.is_worth_keeping = is_worth_keeping

    def __missing__(self, key: str) -> str:
        value = self.older.get(key)
        if value is None:
            value = self.compute(key)
            if not self.is_worth_keeping(key):
                return value
        self.put(key, value)
        return value
