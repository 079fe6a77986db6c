"""The stream of requests for replays: record -> a run to be done, or one to be cancelled."""

from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.db.pool import Connection
from schemas.events import ReplayStartEvent
from schemas.ids import RecordId, encode_record_id
from schemas.records import Rejection, SourceRecord
from streams.domain.replays import PreparedReplayRequest, prepare_request
from streams.offsets import OffsetSpan
from streams.store.replay_runs import NewRun, cancel_run, insert_run


class ReplayRequestsHandler:
    """Takes requests into the table of runs; a finalizer's machine runs them."""

    def prepare(self, record: SourceRecord) -> PreparedReplayRequest:
        """Return the request of the record, or why there is none."""
        return prepare_request(record)

    def reject(self, record: SourceRecord, rejection: Rejection) -> PreparedReplayRequest:
        """Return the record as rejected."""
        return PreparedReplayRequest(record=record, rejection=rejection)

    def newest_event_ns(self, records: Sequence[PreparedReplayRequest]) -> int:
        """Return 0: requests close no window."""
        return 0

    async def append(
        self, connection: Connection, span: OffsetSpan, records: Sequence[PreparedReplayRequest]
    ) -> None:
        """Do what the requests say, in their order."""
        del span
        for one in records:
            if isinstance(one.event, ReplayStartEvent):
                await insert_run(connection, _new_run(one.record, one.event))
            elif one.event is not None:
                await cancel_run(connection, one.event.run_id)


def _new_run(record: SourceRecord, asked: ReplayStartEvent) -> NewRun:
    place = RecordId(record.topic, record.partition, record.offset)
    return NewRun(
        run_id=encode_record_id(place),
        asked=asked,
        requested_at=datetime.fromtimestamp(max(record.timestamp_ms, 0) / 1000, UTC),
        is_attended=False,
    )
