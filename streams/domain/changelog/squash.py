"""Squashed commits: the conventional lines of a body that are entries of their own."""

import re
from itertools import islice
from typing import Final, Literal

from streams.domain.changelog.messages import ParsedCommit, parse_message
from streams.domain.changelog.reverts import strip_numbers

_TYPES: Final = "feat|fix|docs|style|refactor|perf|test|build|ci|chore|revert|deps|security"
_HEAD: Final = rf"(?:{_TYPES})(?:\([^()\r\n]*\))?!?: "
_PARAGRAPH: Final = re.compile(rf"\n\r?\n(?={_HEAD})", re.IGNORECASE)
_LIST_ITEM: Final = re.compile(rf"\n[ \t]{{0,3}}[*-] {{1,3}}({_HEAD}[^\r\n]*)", re.IGNORECASE)
_MAX_ENTRIES: Final = 200


def split_squash(
    message: str, policy: Literal["header", "paragraphs", "all"]
) -> tuple[ParsedCommit, ...]:
    """Return the commits a message stands for, its own header's first.

    A paragraph that begins with a conventional header is a commit with everything up to the next
    one; under `all` so is each list item with one. What repeats an earlier header is left out,
    and a header without a convention gives way to the items of its list.
    """
    if policy == "header" or "\n" not in message:
        return (parse_message(message),)
    pieces = _PARAGRAPH.split(message, maxsplit=_MAX_ENTRIES)
    commits = [parse_message(piece) for piece in pieces]
    if policy == "all":
        items = [match[1] for match in islice(_LIST_ITEM.finditer(message), _MAX_ENTRIES)]
        if items and not commits[0].conventional:
            commits = commits[1:]
        commits.extend(parse_message(item) for item in items)
    if len(commits) == 1:
        return (commits[0],)
    distinct: dict[tuple[str | None, str], ParsedCommit] = {}
    for commit in commits:
        distinct.setdefault((commit.type, strip_numbers(commit.subject).lower()), commit)
    return tuple(distinct.values())
