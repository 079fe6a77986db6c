"""Issue references in a line of a commit message: `#12`, `owner/repo#12`, `closes #12`."""

import re
from typing import Final

import msgspec

# What JavaScript's \s matches: the reference parsers are written in it, and Python's differs.
# `GAP` is the same within a line.
SPACE: Final = (
    "[\\t\\n\\v\\f\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]"
)
GAP: Final = SPACE.replace("\\n", "")

_ACTION: Final = re.compile(
    r"(?<!\w)(?:closed|closes|close|fixed|fixes|fix|resolved|resolves|resolve)(?!\w)",
    re.IGNORECASE | re.ASCII,
)
_BLANKS: Final = re.compile(f"{SPACE}+")
# Possessive: a long word without a `#` is read once, not once more for each of its letters.
_REFERENCE: Final = re.compile(
    rf"(?<![\w\-./])([\w\-./]++)?#((?=[\w-]*\d)[\w-]+)(?=[,;.)\]]|{SPACE}|$)", re.ASCII
)
_URL: Final = re.compile(r"\bhttps?://[-@:%+.~#?&/=]*+\w", re.ASCII)
_LINE_BREAK: Final = re.compile("[\\r\\u2028\\u2029]")

# No prose has lines this long: what lies beyond refers to nothing.
_MAX_LINE: Final = 16_384


class Reference(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One reference to an issue; `action` is the closing word before it, as written."""

    action: str | None
    owner: str | None
    repository: str | None
    prefix: str
    issue: str
    raw: str


def parse_references(line: str, *, in_footer: bool = False) -> list[Reference]:
    """Return the references of one line, in the order of its sentences.

    A sentence starts at a closing word (`fixes`), one that holds a URL refers to nothing, and in
    a footer the word may be a token with a colon (`Closes: #1`).
    """
    if "#" not in line:
        return []
    line = line[:_MAX_LINE]
    found: list[Reference] = []
    for action, sentence in _sentences(line, in_footer=in_footer):
        if "#" in sentence and not ("://" in sentence and _URL.search(sentence)):
            found.extend(_sentence_references(action, sentence))
    return found


def deduplicate(references: list[Reference]) -> tuple[Reference, ...]:
    """Return the references without repetitions of the same words, the first stays."""
    first: dict[str, Reference] = {}
    for reference in references:
        first.setdefault(f"{reference.action} {reference.raw}".lower(), reference)
    return tuple(first.values())


def _sentences(line: str, *, in_footer: bool) -> list[tuple[str | None, str]]:
    lowered = line.lower()
    if "fix" not in lowered and "close" not in lowered and "resolve" not in lowered:
        return [(None, line)]
    sentences: list[tuple[str | None, str]] = []
    words = list(_ACTION.finditer(line))
    start = 0
    for index, word in enumerate(words):
        after = word.end()
        if in_footer and line.startswith(":", after):
            after += 1
        gap = _BLANKS.match(line, after)
        if gap is None:
            continue
        end = words[index + 1].start() if index + 1 < len(words) else len(line)
        sentences.append((None, line[start : word.start()]))
        sentences.append((word.group(), line[gap.end() : end]))
        start = end
    sentences.append((None, line[start:]))
    return sentences


def _sentence_references(action: str | None, sentence: str) -> list[Reference]:
    # A reference is not looked for past a line break that is not a newline.
    stop = None if sentence.isascii() and "\r" not in sentence else _LINE_BREAK.search(sentence)
    text = sentence[: stop.start()] if stop else sentence
    found: list[Reference] = []
    start = 0
    for match in _REFERENCE.finditer(text):
        owner, slash, repository = (match[1] or "").partition("/")
        if not slash:
            owner, repository = "", owner
        found.append(
            Reference(
                action=action,
                owner=owner or None if slash else None,
                repository=repository or None,
                prefix="#",
                issue=match[2],
                raw=text[start : match.end()],
            )
        )
        start = match.end()
    return found
