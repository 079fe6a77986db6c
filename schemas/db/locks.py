"""Every advisory lock of this project: one place, so that no two uses share a number."""

from typing import Final

MIGRATIONS: Final = 7_301_194
FINALIZER_LEADER: Final = 7_301_195
CHANGELOG_LEADER: Final = 7_301_197
COMMIT_CONTENTS: Final = 7_301_198
AUDIT_CHAIN: Final = 7_301_196
# With the number of a group of projects as the second key.
TICKET_PROJECTS: Final = 7_301_199
# Who starts a process for each requested replay.
REPLAY_LEADER: Final = 7_301_200
# With the hash of a replay's id as the second key: one process runs it.
REPLAY_RUNS: Final = 7_301_201
# Drops old lines; and shared, by who needs them to stay for the time being.
RETENTION_LEADER: Final = 7_301_202
KEPT_SHELVES: Final = 7_301_203
# With the hash of a login's account or address as the second key.
LOGIN_SUBJECTS: Final = 7_301_190
