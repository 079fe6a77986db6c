"""A class for any message: by its prefix, a label, a loose prefix, or the words it uses."""

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from streams.domain.changelog.config import ChangelogConfig, category_of
from streams.domain.changelog.kinds import changelog_label
from streams.domain.changelog.messages import ParsedCommit
from streams.domain.changelog.prefaces import strip_preface
from streams.domain.changelog.word_model import guess_type

DecidedBy = Literal["PREFIX", "LABEL", "RULE", "MODEL", "OVERRIDE"]

_LOOSE: Final = re.compile(
    r"\[?(?P<type>[A-Za-z][\w-]{1,15})\]?"
    r"(?: ?\((?P<scope>[^()\[\]\r\n]{1,60})\)|\[(?P<group>[^()\[\]\r\n]{1,60})\]"
    r"|/(?P<part>[\w.-]{1,60}))?!?"
    r"(?:\s?:\s*|(?<=\]) )(?P<subject>\S[^\r\n]*)",
    re.ASCII,
)
_LABELS: Final = {
    "added": "added",
    "feature": "added",
    "fixed": "fixed",
    "fix": "fixed",
    "changed": "changed",
    "deprecated": "deprecated",
    "removed": "removed",
    "security": "security",
    "performance": "performance",
}
# What has the form of a type and names no place: an issue, a port.
_NO_AREA: Final = re.compile(r"[a-z][a-z0-9]{1,9}-[0-9]+|back-?port", re.ASCII)
_SIGN_SCOPE: Final = re.compile(r"\(([^()\r\n]{1,60})\)!?: *(?=\S)")
_SURE: Final = 1.0
_LOOSE_CONFIDENCE: Final = 0.9
_REVIEW_BELOW: Final = 0.5


class Classification(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The class of one change and how it came about; `reasons` are words of the message."""

    type: str
    section: str
    category: str
    scope: str | None
    subject: str
    decided_by: DecidedBy
    confidence: float
    needs_review: bool
    note_worthy: float
    reasons: tuple[str, ...]


def classify(
    parsed: ParsedCommit, config: ChangelogConfig, files: Sequence[str] = ()
) -> Classification:
    """Return the class of one parsed commit.

    A `Changelog:` footer decides before the prefix; a prefix that misses a rule of the convention
    (`fix:x`, `[docs] x`) counts when its type is a known one, so does a gitmoji; else a model of
    words decides, also behind a prefix that is no type (`parser: fix x`, `ABC-12: fix x`).
    """
    label = _LABELS.get(changelog_label(parsed) or "")
    if label is not None:
        return _sure(parsed, parsed.type or label, label, "LABEL", config)
    if parsed.type is not None and config.knows(parsed.type):
        return _sure(parsed, parsed.type, config.section_of(parsed.type), "PREFIX", config)
    text, sign_type = strip_preface(parsed.subject)
    loose = _LOOSE.match(text)
    if loose and config.knows(loose["type"].lower()):
        return _by_loose_prefix(loose, config)
    if sign_type is not None:
        scope = _SIGN_SCOPE.match(text)
        rest = text[scope.end() :] if scope else text
        return _by_rule(sign_type, scope[1] if scope else None, rest, config)
    return _by_words(parsed, text, config, files)


def _by_words(
    parsed: ParsedCommit, text: str, config: ChangelogConfig, files: Sequence[str]
) -> Classification:
    """Return the class by the words of the message; a prefix that is no type is what it is on."""
    guess = guess_type(text, parsed.body or "", tuple(files))
    section = config.section_of(guess.type)
    return Classification(
        type=guess.type,
        section=section,
        category=category_of(section),
        scope=_area(parsed),
        subject=parsed.subject.strip(),
        decided_by="MODEL",
        confidence=guess.confidence,
        needs_review=guess.confidence < _REVIEW_BELOW,
        note_worthy=guess.note_worthy,
        reasons=guess.reasons,
    )


def _area(parsed: ParsedCommit) -> str | None:
    """Return what an unknown type with its scope says of the place of a change."""
    if parsed.type is None or _NO_AREA.fullmatch(parsed.type):
        return parsed.scope
    prefix = parsed.header[: len(parsed.type)]
    return f"{prefix}/{parsed.scope}" if parsed.scope else prefix


def _sure(
    parsed: ParsedCommit,
    commit_type: str,
    section: str,
    decided_by: DecidedBy,
    config: ChangelogConfig,
) -> Classification:
    return Classification(
        type=commit_type,
        section=section,
        category=category_of(section),
        scope=parsed.scope,
        subject=parsed.subject.strip(),
        decided_by=decided_by,
        confidence=_SURE,
        needs_review=False,
        note_worthy=float(config.is_shown(section)),
        reasons=(commit_type,),
    )


def _by_loose_prefix(loose: re.Match[str], config: ChangelogConfig) -> Classification:
    scope = loose["scope"] or loose["group"] or loose["part"]
    return _by_rule(loose["type"].lower(), scope, loose["subject"], config)


def _by_rule(
    commit_type: str, scope: str | None, subject: str, config: ChangelogConfig
) -> Classification:
    section = config.section_of(commit_type)
    return Classification(
        type=commit_type,
        section=section,
        category=category_of(section),
        scope=scope,
        subject=subject.strip(),
        decided_by="RULE",
        confidence=_LOOSE_CONFIDENCE,
        needs_review=False,
        note_worthy=float(config.is_shown(section)),
        reasons=(commit_type,),
    )
