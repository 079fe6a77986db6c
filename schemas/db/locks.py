"""Every advisory lock of this project: one place, so that no two uses share a number."""

from typing import Final

MIGRATIONS: Final = 7_301_194
FINALIZER_LEADER: Final = 7_301_195
CHANGELOG_LEADER: Final = 7_301_197
COMMIT_CONTENTS: Final = 7_301_198
AUDIT_CHAIN: Final = 7_301_196
