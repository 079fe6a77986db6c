"""The window summary: the stored document, member for member, as the API and `aiops try` show it.

Times are RFC 3339 in UTC, template ids are decimal text (64 bits do not fit a JavaScript number).
A field that does not apply is null, never absent.
"""

from enum import StrEnum
from typing import Final

import msgspec

SCHEMA_VERSION: Final = 1


class FindingKind(StrEnum):
    """What is different about a template in this window."""

    NEW = "new"
    RETURNED = "returned"
    SPIKE = "spike"
    DROP = "drop"
    GONE = "gone"
    SEVERITY_SHIFT = "severity_shift"
    PARAM_SHIFT = "param_shift"


class FindingState(StrEnum):
    """Where a finding stands in its story over the windows."""

    STARTED = "started"
    ONGOING = "ongoing"
    OVER = "over"


class StickyValue(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter that (almost) all lines of a finding share; shares are 0..1.

    `slot` counts the template's wildcards from 0; `name` is the word that introduces it.
    `baseline_share` is the value's share in the windows before, 0 when the template had no lines.
    """

    slot: int
    name: str
    value: str
    share: float
    baseline_share: float


class VaryingSlot(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter with many values; the numeric fields are null unless every value is a number."""

    slot: int
    name: str
    distinct: int
    min: float | None = None
    median: float | None = None
    p95: float | None = None
    max: float | None = None


class StackTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A stack trace, folded: the exception's class, and the first frame of the service's code."""

    exception: str
    frame: str | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One template that behaves unlike its own past.

    `id`, `since`, `peak_at`, `peak_count` and `until` tell one story over consecutive windows:
    `peak_count` is the most lines in one minute, `until` the end of the last minute that showed
    the finding, and with `state` over the time it ended; `peak_score` is its highest score.
    `expected` is the count that the past predicts for what has been seen of this window; `rate`
    (lines a whole window), `dispersion` (variance per expected line) and `rarity` (decimal orders)
    are what it was judged by: the past as it was when the finding started, `windows` windows ago,
    this one included. `first_seen` and `last_seen` are the template's ends, the latter by the
    minute and as of this window.
    """

    id: str
    kind: FindingKind
    state: FindingState
    template_id: str
    template: str
    count: int
    expected: float
    ratio: float | None
    score: float
    peak_score: float
    severity: str
    severity_number: int
    since: str
    until: str
    peak_at: str | None
    peak_count: int
    first_seen: str
    last_seen: str
    rate: float
    dispersion: float
    rarity: float
    windows: int
    exemplars: tuple[str, ...] = ()
    sticky: tuple[StickyValue, ...] = ()
    varying: tuple[VaryingSlot, ...] = ()
    stack: StackTrace | None = None


class TopTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """One of the most frequent templates of a window."""

    template_id: str
    template: str
    count: int


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What the window was compared with: so many windows before it, and their sums."""

    windows: int
    lines: int
    severity_counts: dict[str, int]


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Which rules wrote the document."""

    schema_version: int
    config_hash: str


class WindowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one service's log lines say in one window [window_start, window_end).

    The counts of `severity_counts` sum to `lines`, and so do those of `top_templates` plus
    `other_count`. `score` compares between services; `late` counts the lines whose record
    reached Kafka more than one window's width after the window's end.
    """

    service: str | None
    window_start: str
    window_end: str
    first_event: str | None
    last_event: str | None
    lines: int
    late: int
    templates: int
    severity_counts: dict[str, int]
    baseline: Baseline
    unusual: bool
    score: float
    headline: str
    text: str
    findings: tuple[Finding, ...]
    top_templates: tuple[TopTemplate, ...]
    other_count: int
    provenance: Provenance
