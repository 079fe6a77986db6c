"""All summaries of a set of log lines that fits into memory: what a replay of them would store."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from schemas.summaries import WindowSummary
from streams.domain.summaries.config import DEFAULT_CONFIG
from streams.domain.summaries.counts import (
    LineRequest,
    TemplateCount,
    TemplateInfo,
    WindowCounts,
    thinned,
)
from streams.domain.summaries.document import write_summary
from streams.domain.summaries.ranking import rank_findings
from streams.domain.templates import ShapeCache, TemplateSet, shape_id
from streams.domain.windows import DEFAULT_WIDTH_NS, MINUTE_NS, starts_before, window_start


class SourceLine(NamedTuple):
    """One event and where it comes from; `record_ns` is the record's Kafka time, 0 for none."""

    timestamp_ns: int
    topic: str
    partition: int
    offset: int
    event_index: int
    severity_number: int
    body: str
    service: str | None
    record_ns: int


def summarize_lines(
    lines: Iterable[SourceLine], width_ns: int = DEFAULT_WIDTH_NS
) -> Iterator[WindowSummary]:
    """Yield one summary for each service and window with lines, by service (none first) and time.

    The order of the lines does not matter. Windows that end after the newest line are open.
    """
    by_service: dict[str | None, list[SourceLine]] = {}
    watermark_ns = 0
    for line in lines:
        by_service.setdefault(line.service, []).append(line)
        watermark_ns = max(watermark_ns, line.timestamp_ns)
    cache = ShapeCache()
    for service in sorted(by_service, key=lambda name: (name is not None, name or "")):
        group = sorted(by_service[service], key=lambda line: line[:5])
        template_ids, infos = _templates_of(service, group, cache)
        windows = _cut(service, group, template_ids, width_ns)
        answers = _Answers(group, template_ids)
        yield from _tell(windows, infos, answers, watermark_ns)


def _tell(
    windows: dict[int, WindowCounts],
    infos: dict[int, TemplateInfo],
    answers: "_Answers",
    watermark_ns: int,
) -> Iterator[WindowSummary]:
    """Yield the summaries of a service's windows, each told after the one before."""
    previous = None
    for start_ns, window in windows.items():
        width_ns = window.end_ns - start_ns
        starts = starts_before(start_ns, DEFAULT_CONFIG.baseline_windows, width_ns)
        baseline = [windows[start] for start in starts if start in windows]
        if window.end_ns > watermark_ns:
            window = msgspec.structs.replace(window, observed_until_ns=watermark_ns)
        ranking = rank_findings(window, baseline, infos, previous)
        lines = {request: answers.lines(request) for request in ranking.requests}
        previous = write_summary(ranking, lines)
        yield previous


def _templates_of(
    service: str | None, lines: Sequence[SourceLine], cache: ShapeCache
) -> tuple[list[int], dict[int, TemplateInfo]]:
    """Return the template id of each line, and what is known of the templates."""
    templates = TemplateSet()
    shape_ids = []
    for line in lines:
        shape = cache.shape(line.body)
        shape_ids.append(shape_id(service, shape))
        templates.add(shape_ids[-1], shape)
    resolved = templates.resolve()
    template_ids = [resolved[one].template_id for one in shape_ids]
    infos: dict[int, TemplateInfo] = {}
    last = dict(zip(template_ids, lines, strict=True))
    for one, line in zip(shape_ids, lines, strict=True):
        template = resolved[one]
        if template.template_id not in infos:
            infos[template.template_id] = TemplateInfo(
                template_id=template.template_id,
                text=template.text,
                first_seen_ns=line.timestamp_ns,
                last_seen_ns=last[template.template_id].timestamp_ns,
                example=line.body,
            )
    return template_ids, infos


def _cut(
    service: str | None, lines: Sequence[SourceLine], template_ids: Sequence[int], width_ns: int
) -> dict[int, WindowCounts]:
    """Return the windows that have lines, by start, oldest first."""
    groups: dict[int, list[tuple[SourceLine, int]]] = {}
    for pair in zip(lines, template_ids, strict=True):
        groups.setdefault(window_start(pair[0].timestamp_ns, width_ns), []).append(pair)
    return {
        start: _count(service, start, width_ns, group) for start, group in sorted(groups.items())
    }


def _count(
    service: str | None, start_ns: int, width_ns: int, group: Sequence[tuple[SourceLine, int]]
) -> WindowCounts:
    counts = Counter(
        (template_id, line.severity_number, (line.timestamp_ns - start_ns) // MINUTE_NS)
        for line, template_id in group
    )
    return WindowCounts(
        service=service,
        start_ns=start_ns,
        end_ns=start_ns + width_ns,
        counts=tuple(
            TemplateCount(
                template_id=template_id, severity_number=severity, count=count, minute=minute
            )
            for (template_id, severity, minute), count in sorted(counts.items())
        ),
        first_event_ns=group[0][0].timestamp_ns,
        last_event_ns=group[-1][0].timestamp_ns,
        late=sum(line.record_ns > start_ns + 2 * width_ns for line, _ in group),
    )


class _Answers:
    """The lines of each template, in the order that requests are answered in."""

    def __init__(self, lines: Sequence[SourceLine], template_ids: Sequence[int]) -> None:
        self._times: dict[int, list[int]] = {}
        self._bodies: dict[int, list[str]] = {}
        for line, template_id in zip(lines, template_ids, strict=True):
            self._times.setdefault(template_id, []).append(line.timestamp_ns)
            self._bodies.setdefault(template_id, []).append(line.body)

    def lines(self, request: LineRequest) -> Sequence[str]:
        """Return the lines that the request asks for."""
        times = self._times[request.template_id]
        first = bisect_left(times, request.start_ns)
        end = bisect_left(times, request.end_ns)
        return thinned(self._bodies[request.template_id][first:end], request.limit)
