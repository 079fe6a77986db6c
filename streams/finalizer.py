"""The finalizer: recomputes dirty windows from what is counted."""

from collections.abc import Sequence
from typing import Final

from schemas.db.pool import Connection
from schemas.settings import Settings
from schemas.telemetry import WINDOWS_WRITTEN
from streams.domain.windows import NANOSECONDS
from streams.service_templates import ServiceTemplates
from streams.store.log_lines import LineReader
from streams.store.summaries import (
    DirtyWindow,
    WindowKey,
    clear_dirty,
    select_dirty,
    select_newest_event_ns,
    select_open_windows,
)
from streams.store.templates import count_known_shapes, select_known_shapes
from streams.window_writer import WindowWriter

MARKS_A_CYCLE: Final = 2_000


class Finalizer:
    """Writes the summaries of dirty windows; holds the shapes of the services it has met."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._window_ns = settings.window_s * NANOSECONDS
        self._lateness_ns = settings.allowed_lateness_s * NANOSECONDS
        self._services: dict[str, ServiceTemplates] = {}
        self._reader = LineReader(connection)
        self._watermark_ns = -1

    async def run_cycle(self) -> bool:
        """Bring windows up to date that are dirty or open; tell whether more are waiting."""
        newest_ns = await select_newest_event_ns(self._connection)
        watermark_ns = newest_ns - self._lateness_ns
        marks = await select_dirty(self._connection, MARKS_A_CYCLE)
        due = {mark.key for mark in marks}
        if watermark_ns != self._watermark_ns:
            due.update(await select_open_windows(self._connection))
        if due:
            WINDOWS_WRITTEN.inc(await self._finalize(due, marks, watermark_ns))
        self._watermark_ns = watermark_ns
        return len(marks) == MARKS_A_CYCLE

    async def _finalize(
        self, due: set[WindowKey], marks: Sequence[DirtyWindow], watermark_ns: int
    ) -> int:
        try:
            async with self._connection.transaction():
                written = 0
                for service in sorted({key.service for key in due}):
                    keys = {key for key in due if key.service == service}
                    written += await self._finalize_service(service, keys, watermark_ns)
                await clear_dirty(self._connection, marks)
        except BaseException:
            # What was added to the services in memory may not be stored.
            self._services.clear()
            raise
        return written

    async def _finalize_service(self, service: str, due: set[WindowKey], watermark_ns: int) -> int:
        writer = WindowWriter(
            self._connection,
            service,
            await self._service_templates(service),
            self._reader,
            window_ns=self._window_ns,
            watermark_ns=watermark_ns,
        )
        return await writer.write(due)

    async def _service_templates(self, service: str) -> ServiceTemplates:
        """Return the templates in memory; a replay that forgot shapes makes them load again."""
        known = self._services.get(service)
        if known is None or len(known) != await count_known_shapes(self._connection, service):
            shapes = await select_known_shapes(self._connection, service)
            known = self._services[service] = ServiceTemplates(shapes)
        return known
