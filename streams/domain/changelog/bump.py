"""The next version that commits call for, with its evidence."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.domain.changelog.documents import Bump, BumpReason
from streams.domain.changelog.tags import Boundary
from streams.domain.changelog.versions import Level, Version, highest_level, next_version

_MAX_REASONS: Final = 20


class Evidence(NamedTuple):
    """What one commit calls for and by which type; `release_as` is a version its footer demands."""

    sha: str
    level: Level
    change_type: str
    release_as: str | None = None


def suggest_bump(
    base: Boundary | None, evidence: Sequence[Evidence], *, commit_count: int, is_calendar: bool
) -> Bump:
    """Return the version after `base`, with the strongest evidence in graph order.

    A breaking change below 1.0 raises the second number; commits that all stay unseen still make
    a patch. A calendar version is no function of commits, so none is suggested.
    """
    version = base.version if base is not None else None
    if commit_count == 0:
        return _bump(base, "none", None, [BumpReason(level="none", reason="no commits")])
    top = highest_level({item.level for item in evidence})
    reasons = _strongest(evidence, top)
    if top == "none":
        top = "patch"
    if version is not None and top == "major" and version.numbers[0] == 0:
        top = "minor"
    obstacle = _obstacle(version, is_calendar=is_calendar)
    if version is None or obstacle is not None:
        reasons.append(BumpReason(level="none", reason=obstacle or ""))
        return _bump(base, top, None, reasons)
    demanded = [item for item in evidence if item.release_as]
    if demanded:
        last = demanded[-1]
        reasons.insert(0, BumpReason(level=top, reason="Release-As footer", sha=last.sha))
        return _bump(base, top, last.release_as, reasons)
    return _bump(base, top, next_version(version, top), reasons)


def _obstacle(version: Version | None, *, is_calendar: bool) -> str | None:
    """Return why no version can be derived, None if one can."""
    if version is None:
        return "no stable release to count from"
    return "calendar versions do not follow commits" if is_calendar else None


def _strongest(evidence: Sequence[Evidence], top: Level) -> list[BumpReason]:
    if top == "none":
        return [BumpReason(level="patch", reason="no visible change")]
    what = "breaking change" if top == "major" else "type"
    return [
        BumpReason(
            level=top,
            reason=what if top == "major" else f"{what} {item.change_type}",
            sha=item.sha,
        )
        for item in evidence
        if item.level == top
    ][:_MAX_REASONS]


def _bump(
    base: Boundary | None, level: Level, version: str | None, reasons: list[BumpReason]
) -> Bump:
    prefix = base.version.prefix if base is not None and base.version is not None else ""
    return Bump(
        base=base.name if base is not None else None,
        level=level,
        next=version,
        next_tag=None if version is None else prefix + version,
        reasons=tuple(reasons),
    )
