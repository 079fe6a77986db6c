"""Reverts: what a message takes back, which commit that is, and what is left of both."""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, Literal, NamedTuple

import msgspec

from streams.domain.changelog.messages import ParsedCommit

Effect = Literal["cancelled", "listed", "partial", "unresolved"]

_SHA: Final = re.compile(r"\b[0-9a-f]{7,64}\b")
_REVERTS_SHA: Final = re.compile(
    r"This (partially )?reverts (?:commits? )?([0-9a-f]{7,64})\b", re.I
)
_REVERTS_NUMBER: Final = re.compile(r"^Reverts (?:[\w.-]+/[\w.-]+)?#([0-9]+)\s*$", re.M | re.ASCII)
_QUOTED: Final = re.compile(
    r'(?:(?:partial(?:ly)? )?revert(?:s|ed)?|back(?:s|ed)? out):? +"(.*)"', re.IGNORECASE
)
# Git's own words for the revert of a revert.
_REAPPLIED: Final = re.compile(r'Reapply "(.*)"')
_BARE: Final = re.compile(
    r"(?:revert(?:s|ed)?|back(?:s|ed)? out):? +(?:PR |changeset |commit )?"
    r"(?:#(?P<number>[0-9]+)\b|(?P<sha>[0-9a-f]{7,64})\b)",
    re.IGNORECASE | re.ASCII,
)
_PARTIAL: Final = re.compile(r"partial(?:ly)? revert|revert(?:s|ed)? (?:part|some|half) of", re.I)
_NUMBER: Final = re.compile(r"(?:[\w.-]+/[\w.-]+)?#([0-9]+)", re.ASCII)
_OPENINGS: Final = frozenset("rRpPbB")
_SHORTEST_SHA: Final = 7
_MAX_TARGETS: Final = 100
_MAX_HEADER: Final = 2_000
_MAX_NUMBERS: Final = 10


class RevertNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says it takes back; any of the three may name it."""

    shas: tuple[str, ...]
    number: str | None
    subject: str
    is_partial: bool


class RevertOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One revert of a release: the sha taken back, by which sha, and the effect."""

    reverted: str | None
    by: str
    effect: Effect


class Cancellation(NamedTuple):
    """What reverts leave of a set of commits: who fell to whom, and what became of each revert."""

    cancelled_by: dict[int, int]
    outcomes: list[tuple[int, int | None, Effect]]


class _Opening(NamedTuple):
    """What a header takes back: a subject in quotes, a pull request's number, or shas."""

    subject: str | None = None
    number: str | None = None
    shas: tuple[str, ...] = ()


def parse_revert(parsed: ParsedCommit, message: str) -> RevertNote | None:
    """Return what a commit takes back, None when it is no revert."""
    header = parsed.header[:_MAX_HEADER]
    opening = _read_opening(header) if header[:1] in _OPENINGS else None
    named = (
        list(islice(_REVERTS_SHA.finditer(message), _MAX_TARGETS)) if "everts" in message else []
    )
    is_typed = parsed.type == "revert"
    if not (opening or is_typed or (named and "evert" in header)):
        return None
    opening = opening or _Opening()
    shas = [match[2].lower() for match in named] + list(opening.shas)
    if is_typed and not shas:
        shas = _footer_shas(parsed)
    subject = opening.subject
    if subject is None:
        subject = _unquoted(parsed.subject.strip()) if is_typed else parsed.subject.strip()
    return RevertNote(
        shas=tuple(dict.fromkeys(shas)),
        number=opening.number or _number_of_body(parsed.body),
        subject=subject,
        is_partial=bool(_PARTIAL.search(header)) or any(match[1] for match in named),
    )


def _read_opening(header: str) -> _Opening | None:
    """Return what the header itself says is taken back, None where it says nothing."""
    quoted = _QUOTED.match(header)
    if quoted:
        return _Opening(subject=quoted[1])
    reapplied = _REAPPLIED.match(header)
    if reapplied:
        return _Opening(subject=f'Revert "{reapplied[1]}"')
    bare = _BARE.match(header)
    if bare is None:
        return None
    return _Opening(number=bare["number"], shas=(bare["sha"].lower(),) if bare["sha"] else ())


def _footer_shas(parsed: ParsedCommit) -> list[str]:
    values = (value for token, value in parsed.footers if token.lower() in {"refs", "reverts"})
    return [sha for value in values for sha in _SHA.findall(value[:_MAX_HEADER].lower())]


def _number_of_body(body: str | None) -> str | None:
    found = _REVERTS_NUMBER.search(body) if body and "Reverts" in body else None
    return found[1] if found else None


def split_number(subject: str) -> tuple[str, str | None]:
    """Return the subject without the `(#12)` at its end, and the digits; None if there is none."""
    text = subject.rstrip()
    start = text.rfind("(") if text.endswith(")") else -1
    match = _NUMBER.fullmatch(text, start + 1, len(text) - 1) if start >= 0 else None
    return (text[:start].rstrip(), match[1]) if match else (subject, None)


def strip_numbers(subject: str) -> str:
    """Return the subject without the pull request numbers at its end."""
    for _ in range(_MAX_NUMBERS):
        subject, number = split_number(subject)
        if number is None:
            break
    return subject.strip()


def _unquoted(subject: str) -> str:
    bare = strip_numbers(subject)
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else subject


class RevertIndex:
    """Finds the commit a revert means: by sha or its beginning, number, or header."""

    def __init__(self, number_of: Mapping[str, int], headers: Sequence[str]) -> None:
        self._number_of = number_of
        self._headers = headers

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._number_of)

    @cached_property
    def _by_words(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """The commits under their bare header, and under their pull request's number."""
        by_header: dict[str, list[int]] = {}
        by_number: dict[str, list[int]] = {}
        for commit, header in enumerate(self._headers):
            bare, digits = split_number(header)
            by_header.setdefault(strip_numbers(bare), []).append(commit)
            if digits is not None:
                by_number.setdefault(digits, []).append(commit)
        return by_header, by_number

    def targets(self, revert: int, note: RevertNote) -> list[int]:
        """Return the commits that the revert with number `revert` takes back."""
        by_sha = [found for sha in note.shas if (found := self._find_sha(sha)) is not None]
        if by_sha or note.shas:
            return [found for found in by_sha if found != revert]
        by_header, by_number = self._by_words
        for candidates in (
            by_number.get(note.number or "", []),
            by_header.get(strip_numbers(note.subject), []),
        ):
            earlier = [number for number in candidates if number < revert]
            if earlier:
                return [max(earlier)]
        return []

    def _find_sha(self, sha: str) -> int | None:
        exact = self._number_of.get(sha)
        if exact is not None or len(sha) < _SHORTEST_SHA:
            return exact
        place = bisect_left(self._sorted, sha)
        found = [name for name in self._sorted[place : place + 2] if name.startswith(sha)]
        return self._number_of[found[0]] if len(found) == 1 else None


def cancel_reverts(
    members: set[int],
    reverts: Mapping[int, tuple[RevertNote, list[int]]],
    brought_by: Callable[[int], list[int]],
) -> Cancellation:
    """Return what is left when the reverts within `members` have taken effect.

    The newest goes first, so the revert of a revert gives the change back. `brought_by` returns
    the commits that a merge brought in: reverting the merge takes them all back.
    """
    cancelled_by: dict[int, int] = {}
    outcomes: list[tuple[int, int | None, Effect]] = []
    for revert in sorted((number for number in reverts if number in members), reverse=True):
        if revert in cancelled_by:
            continue
        note, targets = reverts[revert]
        if not targets:
            outcomes.append((revert, None, "partial" if note.is_partial else "unresolved"))
            continue
        inside = [number for number in targets if number in members and number not in cancelled_by]
        if note.is_partial or len(inside) < len(targets):
            effect: Effect = "partial" if note.is_partial else "listed"
            outcomes.extend((revert, target, effect) for target in targets)
            continue
        cancelled_by[revert] = revert
        for target in inside:
            outcomes.append((revert, target, "cancelled"))
            for number in [target, *brought_by(target)]:
                if number in members:
                    cancelled_by.setdefault(number, revert)
    outcomes.reverse()
    return Cancellation(cancelled_by, outcomes)
