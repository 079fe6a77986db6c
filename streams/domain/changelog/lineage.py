"""Who is an ancestor of whom, for the few commits and releases that somebody asks about."""

from collections.abc import Iterable, Iterator

from streams.domain.changelog.graph import CommitGraph


class Lineage:
    """Answers ancestry among marked commits; built in one pass over the graph."""

    def __init__(self, graph: CommitGraph, marked: Iterable[int]) -> None:
        self._marked = sorted(set(marked))
        self.position = {number: bit for bit, number in enumerate(self._marked)}
        self._ancestors = _marked_ancestors(graph, self.position)

    def ancestors(self, number: int) -> int:
        """Return the marked commits that a marked commit contains, itself included, as bits."""
        return self._ancestors[number]

    def contains(self, descendant: int, ancestor: int) -> bool:
        """Return whether `ancestor` is `descendant` or an ancestor of it; both are marked."""
        return bool(self._ancestors[descendant] >> self.position[ancestor] & 1)

    def numbers(self, bits: int) -> Iterator[int]:
        """Yield the marked commits that `bits` holds, in graph order."""
        while bits:
            lowest = bits & -bits
            yield self._marked[lowest.bit_length() - 1]
            bits ^= lowest


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
