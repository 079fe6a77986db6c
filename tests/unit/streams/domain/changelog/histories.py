"""Small histories for tests: commits by short names, in graphs one can draw on a napkin."""

from hashlib import sha1

from schemas.events import CommitEvent
from streams.domain.changelog.documents import ReleaseDocument

REPOSITORY = "acme/rocket"


def sha(name: str) -> str:
    return sha1(name.encode(), usedforsecurity=False).hexdigest()


def commit(
    name: str,
    message: str,
    parents: str = "",
    *,
    at: int = 0,
    tags: str = "",
    author: str = "Anna Lee <anna@example.org>",
) -> CommitEvent:
    return CommitEvent(
        repository=REPOSITORY,
        sha=sha(name),
        message=message,
        author=author,
        timestamp_s=1_700_000_000 + at,
        parents=tuple(sha(parent) for parent in parents.split()),
        tags=tuple(tags.split()),
    )


def line(*messages: str, tags: dict[int, str] | None = None) -> list[CommitEvent]:
    """Commits named 0, 1, 2 ... on one line of history, oldest first."""
    return [
        commit(
            str(number),
            message,
            str(number - 1) if number else "",
            at=number,
            tags=(tags or {}).get(number, ""),
        )
        for number, message in enumerate(messages)
    ]


def subjects(document: ReleaseDocument) -> list[str]:
    return [entry.subject for section in document.sections for entry in section.entries]


def reasons(document: ReleaseDocument) -> dict[str, str]:
    return {excluded.sha: excluded.reason for excluded in document.excluded}
