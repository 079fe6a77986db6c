"""A class for any message: by its prefix, a label, a loose prefix, or the words it uses."""

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from streams.domain.changelog.config import ChangelogConfig, category_of
from streams.domain.changelog.kinds import changelog_label
from streams.domain.changelog.messages import ParsedCommit
from streams.domain.changelog.word_model import guess_type

DecidedBy = Literal["PREFIX", "LABEL", "RULE", "MODEL", "OVERRIDE"]

_LOOSE: Final = re.compile(
    r"\[?(?P<type>[A-Za-z][\w-]{1,15})\]?(?:[(\[](?P<scope>[^()\[\]\r\n]{1,60})[)\]])?!?"
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
    (`fix:x`, `[docs] x`) counts when its type is a known one; else a model of words decides.
    """
    label = _LABELS.get(changelog_label(parsed) or "")
    if label is not None:
        return _sure(parsed, parsed.type or label, label, "LABEL", config)
    if parsed.conventional:
        return _sure(
            parsed, parsed.type or "", config.section_of(parsed.type or ""), "PREFIX", config
        )
    loose = _LOOSE.match(parsed.header)
    if loose and config.section_of(loose["type"].lower()) != "other":
        return _by_loose_prefix(loose, config)
    guess = guess_type(parsed.header, parsed.body or "", tuple(files))
    section = config.section_of(guess.type)
    return Classification(
        type=guess.type,
        section=section,
        category=category_of(section),
        scope=None,
        subject=parsed.subject.strip(),
        decided_by="MODEL",
        confidence=guess.confidence,
        needs_review=guess.confidence < _REVIEW_BELOW,
        note_worthy=guess.note_worthy,
        reasons=guess.reasons,
    )


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
    commit_type = loose["type"].lower()
    section = config.section_of(commit_type)
    return Classification(
        type=commit_type,
        section=section,
        category=category_of(section),
        scope=loose["scope"],
        subject=loose["subject"].strip(),
        decided_by="RULE",
        confidence=_LOOSE_CONFIDENCE,
        needs_review=False,
        note_worthy=float(config.is_shown(section)),
        reasons=(commit_type,),
    )
