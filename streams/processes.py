"""What a supervisor, its workers and the command agree on; takes no time to import."""

from typing import Final, NamedTuple, TypeAlias

from streams.domain.changelog.config import ChangelogConfig
from streams.domain.triage.config import TriageConfig

Role: TypeAlias = str
LOGS: Final[Role] = "logs"
INTERACTIVE_ROLE: Final[Role] = "interactive"
FINALIZER: Final[Role] = "finalizer"
ROLES: Final = (LOGS, INTERACTIVE_ROLE, FINALIZER)

# Exit statuses of a worker: a restart mends only the last.
EXIT_REJECTED: Final = 1
EXIT_CONFIG: Final = 2
EXIT_CRASHED: Final = 3

# A stop takes 0.2 to 0.4 s; with the broker away aiokafka waits for it without end.
STOP_TIMEOUT_S: Final = 10.0


class Choices(NamedTuple):
    """What operators choose in files: how changelogs are written, which fields tickets have."""

    changelog: ChangelogConfig
    triage: TriageConfig


USUAL_CHOICES: Final = Choices(ChangelogConfig(), TriageConfig())
