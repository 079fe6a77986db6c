"""Every topic as data: its key, partitions and retention."""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import structs

DAY_MS: Final = 86_400_000
DEAD_LETTER_SUFFIX: Final = ".dlq"
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What `aiops topics create` makes; `key` says in words what producers key by."""

    name: str
    key: str
    partitions: int
    retention_ms: int = 14 * DAY_MS
    config: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def topic_config(self) -> dict[str, str]:
        """Return the broker's topic settings, ours first."""
        return {
            "retention.ms": str(self.retention_ms),
            "compression.type": "producer",
            "message.timestamp.type": "CreateTime",
            "max.message.bytes": str(MAX_RECORD_BYTES),
            # A shipper with a fast clock is heard all the same: the broker would refuse an hour.
            "message.timestamp.after.max.ms": str(2**63 - 1),
            **self.config,
        }


LOGS_RAW: Final = TopicSpec(name="logs.raw", key="any", partitions=4)
LOGS_SUBMITTED: Final = TopicSpec(name="logs.submitted", key="none", partitions=1)
TICKETS_RAW: Final = TopicSpec(name="tickets.raw", key="project", partitions=4)
# One partition: its offset orders all feedback.
TRIAGE_FEEDBACK: Final = TopicSpec(
    name="triage.feedback", key="none", partitions=1, retention_ms=-1
)
COMMITS_RAW: Final = TopicSpec(name="commits.raw", key="repository", partitions=4, retention_ms=-1)
# Replays asked for over the API, in order.
REPLAYS_REQUESTED: Final = TopicSpec(name="replays.requested", key="none", partitions=1)

# What they hold can be read again; a request is acted upon once.
REPLAYABLE_TOPICS: Final = (LOGS_RAW, LOGS_SUBMITTED, TICKETS_RAW, TRIAGE_FEEDBACK, COMMITS_RAW)
SOURCE_TOPICS: Final = (*REPLAYABLE_TOPICS, REPLAYS_REQUESTED)


def dead_letter_topic(topic: str) -> str:
    """Return the name of the topic that holds the rejected records of `topic`."""
    return topic + DEAD_LETTER_SUFFIX


def dead_letter_spec(source: TopicSpec) -> TopicSpec:
    """Return the spec of a source topic's dead letters: same partitions, kept for good."""
    return TopicSpec(
        name=dead_letter_topic(source.name),
        key=source.key,
        partitions=source.partitions,
        retention_ms=-1,
        config={"max.message.bytes": str(MAX_RECORD_BYTES + 64 * 1024)},
    )


def all_topics(log_topics: Iterable[str] = ()) -> tuple[TopicSpec, ...]:
    """Return the source topics, further topics of logs, and their dead letter topics."""
    own = {spec.name for spec in SOURCE_TOPICS}
    further = [name for name in log_topics if name not in own]
    sources = *SOURCE_TOPICS, *(structs.replace(LOGS_RAW, name=name) for name in further)
    return *sources, *(dead_letter_spec(spec) for spec in sources)
