"""What to do when a service writes more shapes than are worth keeping."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from streams.domain.templates.masking import WILDCARD

ANYTHING: Final = WILDCARD


def coarse_shape(shape: str) -> str:
    """Return the shape that stands for all shapes with the same first word."""
    first, _, rest = shape.partition(" ")
    return f"{first} {WILDCARD}" if rest else ANYTHING


def fold_shapes(counts: Mapping[str, int], cap: int) -> dict[str, str]:
    """Return the shapes of a service that give way so that at most `cap` remain, and to what.

    A pure function of the counts: half of the room goes to the most frequent shapes (ties by
    text), the other half to the coarse shapes of the rest, and one `<*>` takes what is left.
    Nothing gives way while `cap` suffices.

    Raises:
        ValueError: the cap is below 1.
    """
    if cap < 1:
        raise ValueError(f"cap {cap} is below 1")
    if len(counts) <= cap:
        return {}
    kept = _most_frequent(counts.items(), cap // 2)
    coarse_counts: Counter[str] = Counter()
    for shape, count in counts.items():
        if shape not in kept:
            coarse_counts[coarse_shape(shape)] += count
    coarse_counts.pop(ANYTHING, None)
    room = cap - len(kept | {ANYTHING})
    coarse_kept = _most_frequent(coarse_counts.items(), room) | kept
    return {
        shape: coarse if (coarse := coarse_shape(shape)) in coarse_kept else ANYTHING
        for shape in counts
        if shape not in kept
    }


def _most_frequent(counts: Iterable[tuple[str, int]], room: int) -> set[str]:
    ranked = sorted(counts, key=lambda item: (-item[1], item[0]))
    return {shape for shape, _ in ranked[: max(room, 0)]}
