"""Who made a release: authors under one identity, and who is new."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from streams.domain.changelog.messages import ParsedCommit

_ADDRESS: Final = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_NOREPLY: Final = re.compile(r"(?:[0-9]+\+)?([^+@]+)@users\.noreply\.")
_CO_AUTHOR: Final = "co-authored-by"
_BOTS: Final = re.compile(
    r"\[bot\]|(?:^|[-_ ])bot(?:$|[ <@])|dependabot|renovate|github-actions", re.I
)
_SHORTEST_NAME: Final = 4


class Contributor(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An author of a release; `first_time`: no earlier release holds a commit of theirs."""

    name: str
    commits: int
    first_time: bool
    is_bot: bool = False


class Identities:
    """Author spellings of one person, joined by address and by name."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def add(self, spelling: str) -> None:
        """Join the keys of one `Name <address>`."""
        keys = _keys(spelling)
        for key in keys[1:]:
            self._join(keys[0], key)

    def person(self, spelling: str) -> str:
        """Return the smallest key of the person, the same in whatever order they were added."""
        return self._find(_keys(spelling)[0])

    def _find(self, key: str) -> str:
        root = key
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while (parent := self._parent.get(key, root)) != root:
            self._parent[key], key = root, parent
        return root

    def _join(self, one: str, other: str) -> None:
        first, second = sorted((self._find(one), self._find(other)))
        if first != second:
            self._parent[second] = first


def co_authors(parsed: ParsedCommit) -> list[str]:
    """Return the people of the `Co-authored-by` footers, as written."""
    return [
        line.strip()
        for token, value in parsed.footers
        if token.lower() == _CO_AUTHOR
        for line in value.split("\n")[:1]
    ]


def display_name(author: str) -> str:
    """Return the author without an address: no document shows one."""
    name = _ADDRESS.sub("", author).strip()
    if name:
        return name
    return author.strip(" <>").partition("@")[0] or author


def is_bot(author: str) -> bool:
    """Return whether an author is a program by the usual names."""
    return bool(_BOTS.search(author))


def list_contributors(
    authors: Iterable[tuple[str, str]], first_release: Mapping[str, int], release: int
) -> tuple[Contributor, ...]:
    """Return those behind the (person, author) of each commit, most commits first, then by name."""
    spellings: dict[str, list[str]] = {}
    for person, author in authors:
        spellings.setdefault(person, []).append(author)
    found = [
        Contributor(
            name=_usual(names),
            commits=len(names),
            first_time=first_release[person] == release and _is_named_human(names[0]),
            is_bot=is_bot(names[0]),
        )
        for person, names in spellings.items()
    ]
    return tuple(sorted(found, key=lambda who: (-who.commits, who.name)))


def _is_named_human(name: str) -> bool:
    return bool(name.strip()) and not is_bot(name)


def _usual(names: Sequence[str]) -> str:
    return min(set(names), key=lambda name: (-names.count(name), name))


def _keys(spelling: str) -> list[str]:
    lowered = spelling.strip().lower()
    address = _ADDRESS.search(lowered)
    name = _ADDRESS.sub("", lowered).strip()
    keys: list[str] = []
    if address:
        keys.append(address[1])
        login = _NOREPLY.match(address[1])
        if login:
            keys.append(login[1])
    # A short first name alone is shared by many.
    if name and (not address or " " in name or len(name) >= _SHORTEST_NAME):
        keys.append(name)
    return keys or [lowered]
