"""Who may see which field: one table, default deny.

A coordinate (`Type.field`) that is not in the table belongs to nobody; a test walks the schema and
fails on a field without a line here. `Type.*` covers the fields of a type that only occurs below
fields with lines of their own.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

from graphql_api.auth.principal import Role

POLICY: Final[dict[str, Role]] = {
    "Query.me": Role.VIEWER,
    "Query.logEntry": Role.VIEWER,
    "Query.logEntries": Role.VIEWER,
    "Query.logLines": Role.VIEWER,
    "Query.logContext": Role.VIEWER,
    "Query.logVolume": Role.VIEWER,
    "Query.logSummary": Role.VIEWER,
    "Query.logSummaries": Role.VIEWER,
    "Query.services": Role.VIEWER,
    "Query.template": Role.VIEWER,
    "Query.templates": Role.VIEWER,
    "Query.repositories": Role.VIEWER,
    "Query.changelog": Role.VIEWER,
    "Query.releases": Role.VIEWER,
    "Query.commits": Role.VIEWER,
    "Query.nextVersion": Role.VIEWER,
    "Query.generateChangelog": Role.VIEWER,
    "Query.ticket": Role.VIEWER,
    "Query.tickets": Role.VIEWER,
    "Query.triageQueue": Role.VIEWER,
    "Query.similarTickets": Role.VIEWER,
    "Query.triageQuality": Role.VIEWER,
    "Query.pipelineStatus": Role.VIEWER,
    "Query.replays": Role.VIEWER,
    "Query.replay": Role.VIEWER,
    "Query.deadLetters": Role.OPERATOR,
    "Query.users": Role.ADMIN,
    "Query.apiKeys": Role.ADMIN,
    "Query.auditLog": Role.ADMIN,
    "Query.sessions": Role.VIEWER,
    "Mutation.login": Role.ANONYMOUS,
    "Mutation.refreshSession": Role.ANONYMOUS,
    "Mutation.logout": Role.VIEWER,
    "Mutation.logoutEverywhere": Role.VIEWER,
    "Mutation.changePassword": Role.VIEWER,
    "Mutation.summarizeLog": Role.OPERATOR,
    "Mutation.recordCommits": Role.OPERATOR,
    "Mutation.cutRelease": Role.OPERATOR,
    "Mutation.overrideEntry": Role.OPERATOR,
    "Mutation.submitTicket": Role.OPERATOR,
    "Mutation.correctTriage": Role.OPERATOR,
    "Mutation.confirmTriage": Role.OPERATOR,
    "Mutation.startReplay": Role.OPERATOR,
    "Mutation.cancelReplay": Role.OPERATOR,
    "Mutation.createUser": Role.ADMIN,
    "Mutation.setUserRole": Role.ADMIN,
    "Mutation.setUserDisabled": Role.ADMIN,
    "Mutation.resetPassword": Role.ADMIN,
    "Mutation.createApiKey": Role.ADMIN,
    "Mutation.revokeApiKey": Role.ADMIN,
    "Subscription.logTail": Role.VIEWER,
    "Subscription.summaryRevised": Role.VIEWER,
    "Subscription.changelogRevised": Role.VIEWER,
    "Subscription.ticketTriaged": Role.VIEWER,
    "Subscription.replayProgressed": Role.VIEWER,
    "LogTail.*": Role.VIEWER,
    "LogEntry.*": Role.VIEWER,
    "LogEntryConnection.*": Role.VIEWER,
    "LogEntryEdge.*": Role.VIEWER,
    "LogContext.*": Role.VIEWER,
    "LogVolumePoint.*": Role.VIEWER,
    "LogSummary.*": Role.VIEWER,
    "LogSummaryConnection.*": Role.VIEWER,
    "LogSummaryEdge.*": Role.VIEWER,
    "LogFinding.*": Role.VIEWER,
    "StickyValue.*": Role.VIEWER,
    "VaryingSlot.*": Role.VIEWER,
    "StackTrace.*": Role.VIEWER,
    "SeverityCount.*": Role.VIEWER,
    "TopTemplate.*": Role.VIEWER,
    "LogTemplate.*": Role.VIEWER,
    "LogTemplateConnection.*": Role.VIEWER,
    "LogTemplateEdge.*": Role.VIEWER,
    "Changelog.*": Role.VIEWER,
    "ChangelogRelease.*": Role.VIEWER,
    "ChangelogSection.*": Role.VIEWER,
    "ChangelogEntry.*": Role.VIEWER,
    "ChangelogContributor.*": Role.VIEWER,
    "ChangelogSecurityNote.*": Role.VIEWER,
    "ChangelogCount.*": Role.VIEWER,
    "ChangelogRevision.*": Role.VIEWER,
    "FoldedChangelog.*": Role.VIEWER,
    "IssueReference.*": Role.VIEWER,
    "BreakingChange.*": Role.VIEWER,
    "ExcludedCommit.*": Role.VIEWER,
    "VersionBump.*": Role.VIEWER,
    "BumpReason.*": Role.VIEWER,
    "DependencyChange.*": Role.VIEWER,
    "RevertedCommit.*": Role.VIEWER,
    "NextVersion.*": Role.VIEWER,
    "Release.*": Role.VIEWER,
    "ReleaseConnection.*": Role.VIEWER,
    "ReleaseEdge.*": Role.VIEWER,
    "Commit.*": Role.VIEWER,
    "CommitConnection.*": Role.VIEWER,
    "CommitEdge.*": Role.VIEWER,
    "CommitRecord.*": Role.OPERATOR,
    "Ticket.*": Role.VIEWER,
    "TicketConnection.*": Role.VIEWER,
    "TicketEdge.*": Role.VIEWER,
    "TicketReference.*": Role.VIEWER,
    "Triage.*": Role.VIEWER,
    "TriageField.*": Role.VIEWER,
    "FieldCandidate.*": Role.VIEWER,
    "TriageReason.*": Role.VIEWER,
    "TriageAnswer.*": Role.VIEWER,
    "AlertGroup.*": Role.VIEWER,
    "SimilarTickets.*": Role.VIEWER,
    "SimilarTicket.*": Role.VIEWER,
    "TriageQuality.*": Role.VIEWER,
    "CalibrationDecile.*": Role.VIEWER,
    "SubmittedTicket.*": Role.OPERATOR,
    "TriageFeedback.*": Role.OPERATOR,
    "PageInfo.*": Role.VIEWER,
    "PipelineStatus.*": Role.VIEWER,
    "PartitionStatus.*": Role.VIEWER,
    "OffsetGap.*": Role.VIEWER,
    "DeadLetterCount.*": Role.VIEWER,
    "DeadLetter.*": Role.OPERATOR,
    "DeadLetterConnection.*": Role.OPERATOR,
    "DeadLetterEdge.*": Role.OPERATOR,
    "Replay.*": Role.VIEWER,
    "ReplayConnection.*": Role.VIEWER,
    "ReplayEdge.*": Role.VIEWER,
    "RequestedReplay.*": Role.OPERATOR,
    "User.*": Role.ANONYMOUS,
    "Viewer.*": Role.VIEWER,
    "Session.*": Role.VIEWER,
    "LoginResult.*": Role.ANONYMOUS,
    "ApiKey.*": Role.ADMIN,
    "CreatedApiKey.*": Role.ADMIN,
    "AuditEntry.*": Role.ADMIN,
    "AuditEntryConnection.*": Role.ADMIN,
    "AuditEntryEdge.*": Role.ADMIN,
}


# Asked for fields of valid documents alone: there are as many as the schema has.
@cache
def required_role(coordinate: str) -> Role | None:
    """Return the least role that may see a field, None when nobody may.

    The schema's own description (`__schema`, `__type`) is for everybody with a token; the name of
    a type (`__typename`) is for all.
    """
    type_name, _, field = coordinate.partition(".")
    if field == "__typename":
        return Role.ANONYMOUS
    if type_name.startswith("__") or field.startswith("__"):
        return Role.VIEWER
    found = POLICY.get(coordinate)
    return POLICY.get(f"{type_name}.*") if found is None else found


# Plans of documents are kept, and so is what is denied of each.
@lru_cache(maxsize=1_024)
def denied(coordinates: frozenset[str], role: Role) -> Sequence[str]:
    """Return the coordinates that `role` may not see, sorted."""
    return sorted(
        coordinate
        for coordinate in coordinates
        if (required := required_role(coordinate)) is None or role < required
    )
