"""What the wildcards of a finding's template stood for: values that stick, values that vary."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from schemas.summaries import StickyValue, VaryingSlot
from streams.domain.summaries.config import SummaryConfig
from streams.domain.summaries.masking import mask_secrets
from streams.domain.templates import template_slots

_WILDCARD: Final = "<*>"
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?")
_LAST_WORD: Final = re.compile(r"([A-Za-z_][\w.-]{0,60})[^\w]{0,4}$")
_SHARE_DIGITS: Final = 4
_VALUE_CHARACTERS: Final = 200
_MAX_VARYING: Final = 8


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """The slots worth telling of one template in one window, by ascending slot.

    `is_shift`: a value sticks in a slot whose values do not come in runs anyway.
    """

    sticky: tuple[StickyValue, ...] = ()
    varying: tuple[VaryingSlot, ...] = ()
    is_shift: bool = False


def describe_parameters(
    template: str, lines: Sequence[str], baseline_lines: Sequence[str], config: SummaryConfig
) -> Parameters:
    """Compare the values of each slot in the window's lines with those of the lines before.

    Both are in order of time. Lines that the template does not fit are left out of the shares.
    """
    now = _columns(template, lines)
    before = _columns(template, baseline_lines)
    names = _slot_names(template)
    sticky: list[StickyValue] = []
    varying: list[VaryingSlot] = []
    is_shift = False
    for slot, values in enumerate(now):
        earlier = before[slot] if before else []
        found = _sticky(slot, names[slot], values, earlier, config)
        if found is not None:
            sticky.append(found)
            is_shift = is_shift or (len(earlier) > 0 and not _come_in_runs(earlier))
        elif len(set(values)) > 1:
            varying.append(_varying(slot, names[slot], values))
    return Parameters(
        sticky=tuple(sticky), varying=tuple(varying[:_MAX_VARYING]), is_shift=is_shift
    )


def _columns(template: str, lines: Sequence[str]) -> list[list[str]]:
    """Return the values of each slot over the lines that fit; no columns when none does."""
    rows = [row for line in lines if (row := template_slots(template, line)) is not None]
    return [list(column) for column in zip(*rows, strict=True)]


def _sticky(
    slot: int, name: str, values: Sequence[str], earlier: Sequence[str], config: SummaryConfig
) -> StickyValue | None:
    counts = Counter(values)
    value = min(counts, key=lambda text: (-counts[text], text))
    share = counts[value] / len(values)
    before = earlier.count(value) / len(earlier) if earlier else 0.0
    if len(values) < config.sticky_min_lines or share < config.sticky_share:
        return None
    if before > config.sticky_baseline_share:
        return None
    return StickyValue(
        slot=slot,
        name=name,
        value=_shown(name, value),
        share=round(share, _SHARE_DIGITS),
        baseline_share=round(before, _SHARE_DIGITS),
    )


def _come_in_runs(values: Sequence[str]) -> bool:
    """Tell whether a value mostly follows itself: a date, a batch, one client after the other.

    Mostly is halfway between what chance makes of these values and always.
    """
    pairs = len(values) - 1
    if pairs < 1:
        return True
    repeated = sum(one == other for one, other in pairwise(values))
    by_chance = sum(count * count for count in Counter(values).values())
    return 2 * repeated * len(values) ** 2 > pairs * (len(values) ** 2 + by_chance)


def _varying(slot: int, name: str, values: Sequence[str]) -> VaryingSlot:
    distinct = len(set(values))
    if not all(_NUMBER.fullmatch(value) for value in values):
        return VaryingSlot(slot=slot, name=name, distinct=distinct)
    numbers = sorted(float(value) for value in values)
    return VaryingSlot(
        slot=slot,
        name=name,
        distinct=distinct,
        min=numbers[0],
        median=_percentile(numbers, 50),
        p95=_percentile(numbers, 95),
        max=numbers[-1],
    )


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the nearest-rank percentile: always one of the values."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def _slot_names(template: str) -> list[str]:
    """Return the word before each wildcard, `slot N` where there is none."""
    constants = template.split(_WILDCARD)[:-1]
    found = [_LAST_WORD.search(constant) for constant in constants]
    return [match[1] if match else f"slot {slot}" for slot, match in enumerate(found)]


def _shown(name: str, value: str) -> str:
    """Return the value as people may see it: no credentials, not too long."""
    masked = mask_secrets(f"{name}={value}").removeprefix(f"{name}=")
    return masked[:_VALUE_CHARACTERS]
