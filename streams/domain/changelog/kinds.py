"""What kind of commit a message is, before its class: a merge, a release, a fix-up, a change."""

import re
from typing import Final, Literal

from streams.domain.changelog.messages import ParsedCommit
from streams.domain.changelog.prefaces import strip_preface
from streams.domain.changelog.reverts import strip_numbers

Kind = Literal["change", "merge", "release", "fixup", "empty", "skipped"]

_MERGE_HEADER: Final = re.compile(
    r"(?:Merge (?:pull request|branch|branches|remote-tracking branch|tag|commit|PR|changes?)\b"
    r"|Merge (?:\"|#[0-9]|[0-9a-f]{7,40} into )"
    r"|Merged in \S|Automatic merge|chore: merge )",
)
_MERGE_NUMBER: Final = re.compile(r"Merge (?:(?:pull request|PR) )?#([0-9]+)\b", re.ASCII)
_FIXUP: Final = ("fixup!", "squash!", "amend!")
_SKIP: Final = re.compile(r"\[(?:skip[ -]changelog|changelog[ -]skip|no[ -]changelog)\]", re.I)
_SKIP_VALUES: Final = frozenset({"skip", "skipped", "ignore", "ignored", "none", "no"})
_HAS_VERSION: Final = re.compile(r"[0-9]\.[0-9]")
_VERSION_WORD: Final = re.compile(
    r"(?:[\w./-]*@)?[vV]?[0-9]+(?:\.[0-9]+)+(?:[-.+]?[0-9A-Za-z][0-9A-Za-z.+-]*)?[.:]?", re.ASCII
)
_RELEASE_WORDS: Final = frozenset(
    [
        "release",
        "releases",
        "released",
        "releasing",
        "version",
        "versions",
        "prepare",
        "preparing",
        "prep",
        "bump",
        "cut",
        "tag",
        "tagging",
        "publish",
        "for",
        "to",
        "the",
        "new",
        "up",
        "v",
        "changelog",
        "and",
        "update",
        "set",
        "next",
        "draft",
        "final",
        "start",
        "begin",
        "back",
        "development",
        "dev",
        "chore",
    ]
)
# What release tools call their commits, without a version.
_RELEASE_HEADERS: Final = frozenset({"version packages", "publish", "publish packages"})
_RELEASE_TOOLS: Final = ("[maven-release-plugin]", "[gradle release plugin]")
_RELEASE_TYPES: Final = frozenset({"chore", "release", "build", "ci"})
_MAX_WORDS: Final = 12


def commit_kind(parsed: ParsedCommit, *, parent_count: int) -> Kind:
    """Return the kind; a merge with a conventional header is a change like a squashed one."""
    if not parsed.header.strip():
        return "empty"
    if parsed.header.startswith(_FIXUP):
        return "fixup"
    if _MERGE_HEADER.match(parsed.header) or (parent_count > 1 and not parsed.conventional):
        return "merge"
    if _is_release(parsed):
        return "release"
    return "skipped" if _is_skipped(parsed) else "change"


def merge_number(header: str) -> str | None:
    """Return the number of the pull request that a merge commit names."""
    match = _MERGE_NUMBER.match(header)
    return match[1] if match else None


def changelog_label(parsed: ParsedCommit) -> str | None:
    """Return the value of a `Changelog:` footer, lower case."""
    for token, value in parsed.footers:
        if token.lower() == "changelog":
            return value.strip().lower()
    return None


def _is_skipped(parsed: ParsedCommit) -> bool:
    if changelog_label(parsed) in _SKIP_VALUES:
        return True
    text = f"{parsed.header}\n{parsed.body or ''}"
    return "changelog" in text.lower() and _SKIP.search(text) is not None


def _is_release(parsed: ParsedCommit) -> bool:
    if parsed.conventional:
        if parsed.type not in _RELEASE_TYPES or parsed.breaking:
            return False
        if parsed.type == "release" or parsed.scope == "release":
            return True
    if strip_numbers(parsed.subject).lower() in _RELEASE_HEADERS:
        return True
    if parsed.header.startswith(_RELEASE_TOOLS):
        return True
    return _names_a_version(parsed)


def _names_a_version(parsed: ParsedCommit) -> bool:
    if not parsed.conventional and not _HAS_VERSION.search(parsed.subject):
        return False
    words = strip_numbers(strip_preface(parsed.subject).text).lower().split(maxsplit=_MAX_WORDS)
    if not words or len(words) > _MAX_WORDS:
        return False
    if not any(_VERSION_WORD.fullmatch(word) for word in words):
        return bool(parsed.conventional) and words[0].rstrip(":") in {"release", "publish"}
    rest = [word for word in words if not _VERSION_WORD.fullmatch(word)]
    unknown = [word for word in rest if word.rstrip(":") not in _RELEASE_WORDS]
    if not unknown or _VERSION_WORD.fullmatch(words[-1]) is None:
        return not unknown
    # `create-app v1.3.0` and `release core 1.3.0` are as well; `bump flask to 1.2.0` is none.
    return len(unknown) == 1 and (len(rest) == 1 or rest[0] == "release")
