"""The same change on two lines of history: cherry-picks, backports, rebased branches."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from streams.domain.changelog.lineage import Lineage

_PICKED_FROM: Final = re.compile(r"\(cherry picked from commit ([0-9a-f]{7,64})\)")


def picked_from(message: str) -> str | None:
    """Return the sha that git noted when it picked the commit, the last one if there are more."""
    if "cherry picked" not in message:
        return None
    found = _PICKED_FROM.findall(message)
    return found[-1] if found else None


class Twins:
    """Commits that may be copies of each other, and the rule that tells which one is listed.

    `keys` gives author and bare subject of each commit, `picks` (copy, original) as git noted it.
    """

    def __init__(
        self, keys: Iterable[tuple[int, tuple[str, str]]], picks: Iterable[tuple[int, int]]
    ) -> None:
        groups: dict[tuple[str, str], list[int]] = {}
        for number, key in keys:
            groups.setdefault(key, []).append(number)
        self._groups = [tuple(group) for group in groups.values() if len(group) > 1]
        self._groups.extend(picks)
        self._groups_of: dict[int, list[int]] = {}
        for place, group in enumerate(self._groups):
            for number in group:
                self._groups_of.setdefault(number, []).append(place)
        self._bits: dict[int, int] = {}

    @property
    def members(self) -> Iterable[int]:
        """The commits that have a possible twin; `lineage` must know them."""
        return self._groups_of.keys()

    def find_original(
        self, number: int, lineage: Lineage, history: int, release_of: Sequence[int]
    ) -> int | None:
        """Return the twin that is listed in place of a commit, None when it is listed itself.

        Neither of two twins contains the other: the same words twice on one line of history are
        two changes (a fix that was reverted and made again). A copy is left out when the release
        also contains its twin, released before or earlier in the same release; on separate
        release lines both are listed, the readers of one have not seen the other. `history`
        holds what the release contains, as bits of `lineage`.
        """
        groups = self._groups_of.get(number)
        if groups is None:
            return None
        rank = (release_of[number], number)
        parallel = history & ~lineage.ancestors(number)
        for place in groups:
            if not parallel & self._group_bits(place, lineage):
                continue
            for twin in self._groups[place]:
                is_parallel = parallel >> lineage.position[twin] & 1
                is_listed = (release_of[twin], twin) < rank
                if is_parallel and is_listed and not lineage.contains(twin, number):
                    return twin
        return None

    def _group_bits(self, place: int, lineage: Lineage) -> int:
        if place not in self._bits:
            self._bits[place] = lineage.bits(self._groups[place])
        return self._bits[place]
