"""Conventional Commits 1.0.0: one commit message in, its parts out, in linear time."""

import re
from itertools import islice
from typing import Final

import msgspec

from streams.domain.changelog.references import (
    GAP,
    Reference,
    deduplicate,
    parse_references,
)

_TEXT: Final = "[^\\r\\n\\u2028\\u2029]"
# A scope may hold one level of parentheses of its own, `fix(foo(bar)): x`; it never crosses `)`
# into the description, as a greedy match would in `fix(a): handle foo(): bar`.
_HEADER: Final = re.compile(
    rf"([\w-]++)(?:\(((?:[^()\r\n]|\([^()\r\n]*\))+)\))?(!)?: ({_TEXT}+)\Z", re.ASCII
)
# A line starts at its newline and not at `^`: a literal prefix is looked for ten times as fast.
_FOOTER: Final = re.compile(
    rf"\n(?:(?:\*{GAP}+)?(?P<note>BREAKING[ -]CHANGE):{GAP}*"
    rf"|(?P<token>(?i:BREAKING CHANGE)|[\w-]++)(?::{GAP}+|{GAP}+#)(?={_TEXT}))",
    re.ASCII,
)
_MENTION: Final = re.compile(r"@([\w-]+)", re.ASCII)
_WORD_END: Final = re.compile(r"\w", re.ASCII)
# More footers, mentions or lines with references than this are noise; the text itself is kept.
_MAX_PARTS: Final = 1_000
_SIGNATURE_CHECK: Final = re.compile(rf"(?:^|(?<=\n)){GAP}*gpg:.*\n?")


class ParsedCommit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a commit message says; `subject` is the whole header when there is no convention."""

    conventional: bool
    type: str | None
    scope: str | None
    breaking: bool
    breaking_text: str | None
    subject: str
    body: str | None
    footers: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]
    mentions: tuple[str, ...]
    header: str


class Tail(msgspec.Struct, frozen=True):
    """Everything below the header: `notes` are the texts of the breaking-change footers."""

    body: str | None = None
    footers: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


_NO_TAIL: Final = Tail()


def parse_message(message: str) -> ParsedCommit:
    """Return the parts of one commit message; any text has some.

    The header is the first line that is not empty. Footers start at the first line of the form
    `token: value` or `token #value`, and a value runs on until the next such line.
    """
    header, below = _split(message)
    references = parse_references(header)
    tail = _parse_tail(below, references) if below else _NO_TAIL
    match = _HEADER.match(header)
    if match is not None and match[4].strip():
        commit_type, scope, mark, subject = match.groups()
        note = "\n".join(tail.notes) if tail.notes else (subject if mark else None)
    else:
        commit_type, scope, subject = None, None, header
        note = "\n".join(tail.notes) if tail.notes else None
    return ParsedCommit(
        conventional=commit_type is not None,
        type=commit_type and commit_type.lower(),
        scope=scope,
        breaking=note is not None,
        breaking_text=note,
        subject=subject,
        body=tail.body,
        footers=tail.footers,
        references=deduplicate(references),
        mentions=_mentions(message) if "@" in message else (),
        header=header,
    )


def _split(message: str) -> tuple[str, str]:
    """Return the header and everything below it, from its newline on."""
    text = message.strip("\r\n")
    if "\n" not in text:
        return text, ""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "gpg:" in text:
        text = _SIGNATURE_CHECK.sub("", text)
    end = text.find("\n")
    return (text, "") if end < 0 else (text[:end], text[end:])


def _mentions(message: str) -> tuple[str, ...]:
    """Return the names after an `@`; an address (`a@example.org`) mentions nobody."""
    return tuple(
        match[1]
        for match in islice(_MENTION.finditer(message), _MAX_PARTS)
        if not (match.start() and _WORD_END.match(message, match.start() - 1))
    )


def _parse_tail(tail: str, references: list[Reference]) -> Tail:
    """Return what stands below the header; the references found are added to `references`."""
    footers = list(islice(_FOOTER.finditer(tail), _MAX_PARTS))
    if "#" in tail:
        _add_references(tail, footers, references)
    if not footers:
        return Tail(tail.strip("\r\n") or None)
    ends = [footer.start() for footer in footers[1:]] + [len(tail)]
    values = [
        (footer, tail[footer.end() : end].strip("\r\n"))
        for footer, end in zip(footers, ends, strict=True)
    ]
    return Tail(
        tail[: footers[0].start()].strip("\r\n") or None,
        tuple((footer["note"] or footer["token"], value) for footer, value in values),
        tuple(value for footer, value in values if footer["note"]),
    )


def _add_references(tail: str, footers: list[re.Match[str]], references: list[Reference]) -> None:
    starts = {footer.start(): footer["note"] is not None for footer in footers}
    at = tail.find("#")
    for _ in range(_MAX_PARTS):
        if at < 0:
            break
        start = tail.rfind("\n", 0, at)
        end = tail.find("\n", at)
        end = len(tail) if end < 0 else end
        is_note = starts.get(start)
        # The line that opens a breaking-change note is prose, not a list of references.
        if not is_note:
            references.extend(
                parse_references(tail[start + 1 : end], in_footer=is_note is not None)
            )
        at = tail.find("#", end)
