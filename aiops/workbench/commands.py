"""The group `aiops try`."""

from typing import Final

from aiops.lazy import Lazy, LazyGroup

TRY_COMMANDS: Final = {
    "changelog": Lazy("aiops.workbench.changelog:command", "Commits in, release documents out."),
    "commit": Lazy("aiops.workbench.commit:command", "Commit messages in, parsed commits out."),
    "decode": Lazy("aiops.workbench.decode:command", "Kafka records in, log events out."),
    "summary": Lazy("aiops.workbench.summary:command", "Kafka records in, window summaries out."),
    "templates": Lazy("aiops.workbench.templates:command", "Log lines in, templates out."),
    "triage": Lazy("aiops.workbench.triage:command", "Tickets in, triages out."),
}

group = LazyGroup(
    "try",
    TRY_COMMANDS,
    help_text="See what the pure functions make of a line, ticket or commit, without any server.",
)
