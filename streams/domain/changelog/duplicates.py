"""The same change on two lines of history: cherry-picks, backports, rebased branches."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from streams.domain.changelog.lineage import Lineage

Container = Callable[[int], bool]

_MAX_TWINS: Final = 100
_PICKED_FROM: Final = re.compile(r"\(cherry picked from commit ([0-9a-f]{7,64})\)")


def picked_from(message: str) -> str | None:
    """Return the sha that git noted when it picked the commit, the last one if there are more."""
    if "cherry picked" not in message:
        return None
    found = _PICKED_FROM.findall(message)
    return found[-1] if found else None


def possible_twins(
    keys: Iterable[tuple[int, tuple[str, str]]], picks: Iterable[tuple[int, int]]
) -> list[tuple[int, ...]]:
    """Return groups of commits that may be copies of one change, each in graph order.

    `keys` gives author and bare subject of each commit, `picks` (copy, original) as git noted it.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for number, key in keys:
        groups.setdefault(key, []).append(number)
    found = [tuple(group) for group in groups.values() if len(group) > 1]
    found.extend((min(pick), max(pick)) for pick in picks if pick[0] != pick[1])
    return found


def parallel_twins(
    groups: Iterable[tuple[int, ...]], lineage: Lineage
) -> dict[int, tuple[int, ...]]:
    """Return for each commit its twins on other lines of history.

    Of two twins neither contains the other: the same words twice on one line of history are two
    changes (a fix that was reverted and made again).
    """
    twins: dict[int, set[int]] = {}
    for group in groups:
        bits = 0
        for number in group:
            parallel = bits & ~lineage.ancestors(number)
            for twin in islice(lineage.numbers(parallel), _MAX_TWINS):
                twins.setdefault(number, set()).add(twin)
                twins.setdefault(twin, set()).add(number)
            bits |= 1 << lineage.position[number]
    return {number: tuple(sorted(found)) for number, found in twins.items()}


def find_original(
    number: int, twins: Iterable[int], contained: Container, release_of: Sequence[int]
) -> int | None:
    """Return the twin that is listed in place of a commit, None when it is listed itself.

    A copy is left out when the release also contains its twin, released before or earlier in the
    same release; on separate release lines both are listed, the readers of one have not seen the
    other.
    """
    rank = (release_of[number], number)
    for twin in twins:
        if (release_of[twin], twin) < rank and contained(twin):
            return twin
    return None
