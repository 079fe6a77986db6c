"""Every error we raise, grouped by what the caller must do.

AiOpsError
├── MalformedEventError   these bytes can never become an event  -> dead letter, go on
├── TransientError        the same bytes may succeed later       -> back off in place, for ever
├── OffsetFenceError      another writer owns the partition now  -> stop writing, do not retry
└── ConfigError           the process can't start like this      -> message on stderr, exit status 2
"""


class AiOpsError(Exception):
    """Root of every error this project raises on purpose."""


class MalformedEventError(AiOpsError):
    """These bytes can never become an event: dead letter, go on."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class TransientError(AiOpsError):
    """The same work may succeed later: retry in place with capped back-off."""


class OffsetFenceError(AiOpsError):
    """The partition was given to another writer: what this one holds must not be written."""

    def __init__(self, *, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        super().__init__(f"{topic}[{partition}] belongs to another writer now")


class ConfigError(AiOpsError):
    """The process can't start like this: one line on stderr, exit status 2."""

    def __init__(self, problem: str, *, setting: str | None = None) -> None:
        self.setting = setting
        self.problem = problem
        super().__init__(f"{setting}: {problem}" if setting else problem)
