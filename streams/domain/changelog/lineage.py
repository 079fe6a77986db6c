"""Who is an ancestor of whom, for the few commits and releases that somebody asks about."""

from collections.abc import Iterable

from streams.domain.changelog.graph import CommitGraph


class Lineage:
    """Answers ancestry among marked commits; built in one pass over the graph."""

    def __init__(self, graph: CommitGraph, marked: Iterable[int]) -> None:
        self.position = {number: bit for bit, number in enumerate(sorted(set(marked)))}
        self._ancestors = _marked_ancestors(graph, self.position)

    def ancestors(self, number: int) -> int:
        """Return the marked commits that a marked commit contains, itself included, as bits."""
        return self._ancestors[number]

    def contains(self, descendant: int, ancestor: int) -> bool:
        """Return whether `ancestor` is `descendant` or an ancestor of it; both are marked."""
        return bool(self._ancestors[descendant] >> self.position[ancestor] & 1)

    def bits(self, numbers: Iterable[int]) -> int:
        """Return the marked commits `numbers` as bits."""
        bits = 0
        for number in numbers:
            bits |= 1 << self.position[number]
        return bits


def _marked_ancestors(graph: CommitGraph, position: dict[int, int]) -> dict[int, int]:
    # The bits of a commit are dropped as soon as its last child has read them: what is alive is
    # the width of the graph, not its length.
    last_reader = list(range(len(graph.parents)))
    for number, parents in enumerate(graph.parents):
        for parent in parents:
            last_reader[parent] = number
    alive: dict[int, int] = {}
    kept: dict[int, int] = {}
    for number, parents in enumerate(graph.parents):
        bits = 0
        for parent in parents:
            bits |= alive[parent]
            if last_reader[parent] == number:
                del alive[parent]
        bit = position.get(number)
        if bit is not None:
            bits |= 1 << bit
            kept[number] = bits
        if last_reader[number] > number:
            alive[number] = bits
    return kept
