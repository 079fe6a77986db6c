"""What a summary is computed from: counts, templates, and which lines to read for it."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

import msgspec

from schemas.severity import severity_name


class TemplateCount(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one template with one severity number; `minute` counts from the window's start.

    A template may stand in many of these: severities and minutes are summed where needed.
    Counts of windows that only serve as baseline need no minutes.
    """

    template_id: int
    severity_number: int
    count: int
    minute: int = 0


class WindowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of one service in one window [start_ns, end_ns).

    `observed_until_ns` is how far the stream has been read (the watermark) while the window is
    open; None means the window is complete. `late` counts the lines whose record reached Kafka
    more than one window's width after the window's end.
    """

    service: str | None
    start_ns: int
    end_ns: int
    counts: tuple[TemplateCount, ...] = ()
    first_event_ns: int | None = None
    last_event_ns: int | None = None
    observed_until_ns: int | None = None
    late: int = 0

    @property
    def lines(self) -> int:
        """All lines of the window."""
        return sum(count.count for count in self.counts)

    @property
    def exposure(self) -> float:
        """The share of the window that has been observed, above 0, at most 1."""
        if self.observed_until_ns is None:
            return 1.0
        width = self.end_ns - self.start_ns
        seen = min(max(self.observed_until_ns - self.start_ns, width // 100), width)
        return seen / width


class TemplateInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a template over all time; `example` is one of its lines."""

    template_id: int
    text: str
    first_seen_ns: int
    last_seen_ns: int
    example: str = ""


class LineRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a template in [start_ns, end_ns) that a finding wants to see.

    The answer must be a function of the stored records: all lines in the order of (timestamp,
    topic, partition, offset, index) when there are at most `limit`, else every n-th of that order
    with the smallest n that gives at most `limit`.
    """

    template_id: int
    start_ns: int
    end_ns: int
    limit: int


def thinned(lines: Sequence[str], limit: int) -> Sequence[str]:
    """Return at most `limit` of the ordered lines, evenly spread: the rule of `LineRequest`."""
    step = -(-len(lines) // limit) if lines else 1
    return lines[::step]


def sum_by_template(counts: Iterable[TemplateCount]) -> dict[int, int]:
    """Return the lines of each template, by ascending id."""
    rows = sorted((count.template_id, count.count) for count in counts)
    return {
        template_id: sum(count for _, count in group)
        for template_id, group in groupby(rows, key=itemgetter(0))
    }


def sum_by_severity_number(counts: Iterable[TemplateCount]) -> dict[int, int]:
    """Return the lines of each severity number, by ascending number."""
    totals: dict[int, int] = {}
    for count in counts:
        totals[count.severity_number] = totals.get(count.severity_number, 0) + count.count
    return dict(sorted(totals.items()))


def severity_counts(counts: Iterable[TemplateCount]) -> dict[str, int]:
    """Return the lines of each OTel severity name, `UNSPECIFIED` included, lowest first."""
    return {
        severity_name(number): count for number, count in sum_by_severity_number(counts).items()
    }
