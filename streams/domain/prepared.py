"""What became of a record, whatever its stream: nothing yet, dropped, or rejected."""

import msgspec

from schemas.records import DeadLetter, Rejection, SourceRecord


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """One record after decoding; streams add what they decoded."""

    record: SourceRecord
    dropped: str | None = None
    rejection: Rejection | None = None

    @property
    def offset(self) -> int:
        """Return the record's offset."""
        return self.record.offset

    @property
    def is_rejected(self) -> bool:
        """Tell whether the record is a dead letter."""
        return self.rejection is not None

    @property
    def dead_letter(self) -> DeadLetter | None:
        """Return the record as a dead letter, None when it is none."""
        if self.rejection is None:
            return None
        return DeadLetter(record=self.record, rejection=self.rejection)
