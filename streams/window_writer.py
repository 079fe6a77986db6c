"""Writes the windows of one service: counts -> findings -> the lines they want -> the document."""

from collections.abc import Container, Iterable, Sequence
from typing import Final

import msgspec

from schemas.db.pool import Connection
from schemas.documents import DocumentDecoder
from schemas.errors import TransientError
from schemas.ids import RecordId, encode_record_id
from schemas.summaries import WindowSummary
from streams.domain.summaries import (
    DEFAULT_CONFIG,
    LineRequest,
    TemplateCount,
    TemplateInfo,
    WindowCounts,
    content_hash,
    encode_summary,
    rank_findings,
    thinned,
    write_summary,
)
from streams.domain.windows import MINUTE_NS, starts_after, window_start
from streams.service_templates import ServiceTemplates, TemplateChanges
from streams.store.log_lines import LineReader
from streams.store.summaries import (
    MinuteCounts,
    SummaryRow,
    WindowKey,
    delete_summary,
    select_minutes,
    select_minutes_with_shapes,
    select_next_window,
    select_previous_document,
    select_windows_after,
    upsert_summary,
)
from streams.store.templates import (
    Sighting,
    TemplateRow,
    delete_templates,
    select_first_sightings,
    select_sightings,
    upsert_aliases,
    upsert_templates,
)

# A summary of an earlier release lacks what was added since.
_SUMMARIES: Final = DocumentDecoder(WindowSummary)


class OutdatedReadError(TransientError):
    """A replay took shapes away while a window with lines of them was written: begin again."""


class WindowWriter:
    """Writes the windows of one service within one transaction, oldest first."""

    def __init__(
        self,
        connection: Connection,
        service: str,
        templates: ServiceTemplates,
        reader: LineReader,
        *,
        window_ns: int,
        watermark_ns: int,
    ) -> None:
        self._connection = connection
        self._service = service
        self._templates = templates
        self._reader = reader
        self._window_ns = window_ns
        self._watermark_ns = watermark_ns
        self._waiting: set[WindowKey] = set()

    async def write(self, due: set[WindowKey]) -> int:
        """Write the windows, those whose baseline they are, and stories that go on.

        Returns how many summaries changed.
        """
        self._waiting.update(due)
        for key in due:
            await self._add_followers(key)
        unstored = self._templates.take_unstored()
        if unstored is not None:
            await self._apply(unstored)
        written = 0
        while self._waiting:
            key = min(self._waiting)
            self._waiting.discard(key)
            if not await self._write_window(key):
                continue
            written += 1
            following = await select_next_window(self._connection, key)
            if following is not None:
                self._waiting.add(following)
        return written

    async def _add_followers(self, key: WindowKey) -> None:
        last = starts_after(key.start_ns, DEFAULT_CONFIG.baseline_windows, self._window_ns)[-1]
        self._waiting.update(await select_windows_after(self._connection, key, last))

    async def _learn_shapes(self, minutes: Iterable[MinuteCounts]) -> None:
        """Resolve shapes never met before; windows that merged templates touch come again.

        Raises:
            OutdatedReadError: one is there no more.
        """
        met = {shape_id for minute in minutes for shape_id in minute.shape_ids}
        unknown = sorted(shape_id for shape_id in met if shape_id not in self._templates)
        if not unknown:
            return
        sightings = await select_sightings(self._connection, unknown)
        if len(sightings) < len(unknown):
            raise OutdatedReadError(f"shapes of {self._service or 'no service'} were replaced")
        changes = self._templates.add({one.shape_id: one.shape for one in sightings.values()})
        await self._apply(changes)

    async def _apply(self, changes: TemplateChanges) -> None:
        """Store what shapes resolve to now; windows that it touches come again."""
        if changes.resolved:
            await delete_templates(self._connection, changes.gone)
            await upsert_aliases(self._connection, self._service, changes.resolved)
            await self._write_again(changes.moved)

    async def _write_again(self, shape_ids: Sequence[int]) -> None:
        """Put the windows with lines of these shapes, and those after them, on the list."""
        if not shape_ids:
            return
        minutes = await select_minutes_with_shapes(self._connection, self._service, shape_ids)
        starts = {window_start(minute * MINUTE_NS, self._window_ns) for minute in minutes}
        for start_ns in starts:
            key = WindowKey(self._service, start_ns)
            self._waiting.add(key)
            await self._add_followers(key)

    async def _minutes(self, start_ns: int, end_ns: int) -> list[MinuteCounts]:
        return await select_minutes(
            self._connection, self._service, start_ns // MINUTE_NS, end_ns // MINUTE_NS
        )

    async def _write_window(self, key: WindowKey) -> bool:
        """Write one window's summary; tell whether it differs from what was stored."""
        baseline_ns = DEFAULT_CONFIG.baseline_windows * self._window_ns
        end_ns = key.start_ns + self._window_ns
        minutes = await self._minutes(key.start_ns - baseline_ns, end_ns)
        await self._learn_shapes(minutes)
        windows = self._windows_of(minutes, key)
        window = windows.pop(key.start_ns, None)
        if window is None:
            return await delete_summary(self._connection, key)
        previous = await self._previous(key)
        infos = await self._template_infos([window, *windows.values()], previous)
        known = _known_findings(previous, infos)
        ranking = rank_findings(window, list(windows.values()), infos, known)
        lines = {request: await self._lines(request) for request in ranking.requests}
        summary = write_summary(ranking, lines)
        return await upsert_summary(
            self._connection,
            SummaryRow(
                key=key,
                end_ns=end_ns,
                lines=summary.lines,
                is_open=window.observed_until_ns is not None,
                unusual=summary.unusual,
                headline=summary.headline,
                document=encode_summary(summary),
                content_hash=content_hash(summary),
            ),
        )

    def _windows_of(
        self, minutes: Iterable[MinuteCounts], key: WindowKey
    ) -> dict[int, WindowCounts]:
        grouped: dict[int, list[MinuteCounts]] = {}
        for minute in minutes:
            start = window_start(minute.minute * MINUTE_NS, self._window_ns)
            grouped.setdefault(start, []).append(minute)
        return {start: self._window(start, group, key) for start, group in grouped.items()}

    def _window(
        self, start_ns: int, minutes: Sequence[MinuteCounts], key: WindowKey
    ) -> WindowCounts:
        end_ns = start_ns + self._window_ns
        is_open = start_ns == key.start_ns and end_ns > self._watermark_ns
        return WindowCounts(
            service=self._service or None,
            start_ns=start_ns,
            end_ns=end_ns,
            counts=self._template_counts(minutes, start_ns),
            first_event_ns=min(minute.first_event_ns for minute in minutes),
            last_event_ns=max(minute.last_event_ns for minute in minutes),
            observed_until_ns=max(self._watermark_ns, start_ns) if is_open else None,
            late=sum(minute.late for minute in minutes),
        )

    def _template_counts(
        self, minutes: Iterable[MinuteCounts], start_ns: int
    ) -> tuple[TemplateCount, ...]:
        totals: dict[tuple[int, int, int], int] = {}
        first_minute = start_ns // MINUTE_NS
        for minute in minutes:
            kinds = zip(minute.shape_ids, minute.severities, minute.counts, strict=True)
            for shape_id, severity, count in kinds:
                template_id = self._templates.template_id(shape_id)
                kind = (minute.minute - first_minute, template_id, severity)
                totals[kind] = totals.get(kind, 0) + count
        return tuple(
            TemplateCount(
                template_id=template_id, severity_number=severity, count=count, minute=minute
            )
            for (minute, template_id, severity), count in sorted(totals.items())
        )

    async def _previous(self, key: WindowKey) -> WindowSummary | None:
        """Return the newest summary before the window, its findings under their current ids.

        One whose template was forgotten is left out: that window waits to be written again, and
        this one comes after it.
        """
        document = await select_previous_document(self._connection, key)
        if document is None:
            return None
        summary = _SUMMARIES.decode(document)
        findings = tuple(
            msgspec.structs.replace(finding, template_id=str(current))
            for finding in summary.findings
            if (current := self._templates.current(int(finding.template_id))) is not None
        )
        return msgspec.structs.replace(summary, findings=findings)

    async def _template_infos(
        self, windows: Iterable[WindowCounts], previous: WindowSummary | None
    ) -> dict[int, TemplateInfo]:
        """Return what is known of the templates of the windows and of `previous`, and store it.

        Raises:
            OutdatedReadError: nothing is known any more of a template that was counted.
        """
        counted = {count.template_id for window in windows for count in window.counts}
        told = {int(finding.template_id) for finding in previous.findings} if previous else set()
        rows = await self._template_rows(sorted(counted | told))
        if not counted <= {row.template_id for row in rows}:
            raise OutdatedReadError(f"templates of {self._service or 'no service'} were replaced")
        before = await select_first_sightings(self._connection, [row.template_id for row in rows])
        await upsert_templates(self._connection, self._service, rows)
        earlier = [
            row.template_id
            for row in rows
            if before.get(row.template_id, row.first_event_ns) != row.first_event_ns
        ]
        # A line from before its first sighting: what called the template new must look again.
        await self._write_again(
            [shape for one in earlier for shape in self._templates.members(one)]
        )
        return {row.template_id: _template_info(row) for row in rows}

    async def _template_rows(self, template_ids: Sequence[int]) -> list[TemplateRow]:
        members = {one: self._templates.members(one) for one in template_ids}
        shape_ids = [shape_id for shapes in members.values() for shape_id in shapes]
        sightings = await select_sightings(self._connection, shape_ids)
        return [
            _template_row(template_id, self._templates.text(template_id), seen)
            for template_id, shapes in members.items()
            if (seen := [sightings[shape_id] for shape_id in shapes if shape_id in sightings])
        ]

    async def _lines(self, request: LineRequest) -> tuple[str, ...]:
        lines = await self._reader.select_lines(
            self._templates.members(request.template_id), request.start_ns, request.end_ns
        )
        return tuple(thinned([line.body for line in lines], request.limit))


def _known_findings(
    previous: WindowSummary | None, template_ids: Container[int]
) -> WindowSummary | None:
    """Return the summary without the findings whose template no line has any more."""
    if previous is None:
        return None
    findings = tuple(one for one in previous.findings if int(one.template_id) in template_ids)
    return msgspec.structs.replace(previous, findings=findings)


def _template_info(row: TemplateRow) -> TemplateInfo:
    return TemplateInfo(
        template_id=row.template_id,
        text=row.text,
        first_seen_ns=row.first_event_ns,
        last_seen_ns=row.last_event_ns,
        example=row.example,
    )


def _template_row(template_id: int, text: str, seen: Sequence[Sighting]) -> TemplateRow:
    earliest = min(
        seen,
        key=lambda one: (
            one.first_event_ns,
            one.topic,
            one.partition,
            one.example_offset,
            one.example_index,
        ),
    )
    return TemplateRow(
        template_id=template_id,
        text=text,
        first_event_ns=earliest.first_event_ns,
        last_event_ns=max(one.last_event_ns for one in seen),
        example_id=encode_record_id(
            RecordId(
                earliest.topic,
                earliest.partition,
                earliest.example_offset,
                earliest.example_index,
            )
        ),
        example=earliest.example,
    )
