"""One template's lines in the window under study: how many, how severe, and in which minutes."""

from collections.abc import Sequence

import msgspec

from streams.domain.summaries.counts import TemplateCount, WindowCounts
from streams.domain.windows import MINUTE_NS


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of one template in one window; `minutes` maps a minute's start to its lines."""

    template_id: int
    count: int
    severities: dict[int, int]
    minutes: dict[int, int]

    @property
    def severity_number(self) -> int:
        """The severity of most lines, the higher one of equals; 0 without lines."""
        order = sorted(self.severities, reverse=True)
        return max(order, key=lambda number: self.severities[number], default=0)

    @property
    def highest_severity_number(self) -> int:
        """The most severe number among the lines; 0 without lines."""
        return max(self.severities, default=0)

    @property
    def peak(self) -> tuple[int, int | None]:
        """The most lines in a minute and that minute's start, the first of equals."""
        start = max(self.minutes, key=lambda minute: self.minutes[minute], default=None)
        return (0, None) if start is None else (self.minutes[start], start)

    def minutes_above(self, lines: float) -> list[int]:
        """Return the starts of the minutes with more lines than that, in order."""
        return [minute for minute, count in self.minutes.items() if count > lines]


def present_templates(window: WindowCounts, *, severity_from: int = 0) -> dict[int, Present]:
    """Return the window's templates by ascending id, counting the lines from that severity up."""
    rows: dict[int, list[TemplateCount]] = {}
    for count in window.counts:
        if count.severity_number < severity_from:
            continue
        rows.setdefault(count.template_id, []).append(count)
    return {
        template_id: _present(template_id, rows[template_id], window.start_ns)
        for template_id in sorted(rows)
    }


def absent_template(template_id: int) -> Present:
    """Return what a template without a line in the window looks like."""
    return Present(template_id=template_id, count=0, severities={}, minutes={})


def _present(template_id: int, rows: Sequence[TemplateCount], start_ns: int) -> Present:
    severities: dict[int, int] = {}
    minutes: dict[int, int] = {}
    for row in rows:
        minute = start_ns + row.minute * MINUTE_NS
        severities[row.severity_number] = severities.get(row.severity_number, 0) + row.count
        minutes[minute] = minutes.get(minute, 0) + row.count
    return Present(
        template_id=template_id,
        count=sum(severities.values()),
        severities=dict(sorted(severities.items())),
        minutes=dict(sorted(minutes.items())),
    )
