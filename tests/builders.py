"""Events, counts and templates with defaults, so that a test names only what it is about."""

from collections.abc import Mapping, Sequence

import msgspec

from schemas.events import LogEvent
from schemas.severity import INFO
from streams.domain.summaries import TemplateCount, TemplateInfo, WindowCounts
from streams.domain.windows import DEFAULT_WIDTH_NS, NANOSECONDS

# 2026-03-14 08:00:00 UTC: the start of a window of any usual width.
START_NS = 1_773_475_200 * NANOSECONDS


EVENT = LogEvent(
    timestamp_ns=START_NS,
    body="request served",
    severity_number=INFO,
    severity_text="INFO",
    service="checkout",
    host="web-1",
)


def log_event(body: str = EVENT.body, **changes: object) -> LogEvent:
    """Return an event at START_NS; any field can be given by name."""
    return msgspec.structs.replace(EVENT, body=body, **changes)


def template_count(
    template_id: int = 1, count: int = 1, severity_number: int = INFO, minute: int = 0
) -> TemplateCount:
    """Return a count of INFO lines in the window's first minute."""
    return TemplateCount(
        template_id=template_id, severity_number=severity_number, count=count, minute=minute
    )


def window_counts(
    index: int = 0,
    counts: Mapping[int, int] | Sequence[TemplateCount] = (),
    *,
    service: str | None = "checkout",
    observed_until_ns: int | None = None,
) -> WindowCounts:
    """Return window number `index` after START_NS; a mapping gives INFO lines by template id."""
    if isinstance(counts, Mapping):
        counts = [template_count(template_id, count) for template_id, count in counts.items()]
    start_ns = START_NS + index * DEFAULT_WIDTH_NS
    return WindowCounts(
        service=service,
        start_ns=start_ns,
        end_ns=start_ns + DEFAULT_WIDTH_NS,
        counts=tuple(counts),
        observed_until_ns=observed_until_ns,
    )


def template_info(
    template_id: int = 1, text: str | None = None, first_seen_ns: int = START_NS
) -> TemplateInfo:
    """Return a template, `template N` unless a text is given, seen since START_NS."""
    return TemplateInfo(
        template_id=template_id,
        text=text or f"template {template_id}",
        first_seen_ns=first_seen_ns,
        last_seen_ns=first_seen_ns,
    )


def template_infos(
    windows: Sequence[WindowCounts], texts: Mapping[int, str] | None = None
) -> dict[int, TemplateInfo]:
    """Return the templates of the windows, first seen when the first window has them."""
    infos: dict[int, TemplateInfo] = {}
    for window in sorted(windows, key=lambda one: one.start_ns):
        for count in window.counts:
            text = (texts or {}).get(count.template_id)
            info = template_info(count.template_id, text, window.start_ns)
            infos.setdefault(count.template_id, info)
    return infos
