"""The next version that commits call for, with its evidence."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.domain.changelog.documents import Bump, BumpReason
from streams.domain.changelog.versions import Level, Version, next_version

_MAX_REASONS: Final = 20
_RANKS: Final[dict[Level, int]] = {"none": 0, "patch": 1, "minor": 2, "major": 3}


class Evidence(NamedTuple):
    """What one commit calls for; `release_as` is the version its footer demands."""

    sha: str
    level: Level
    reason: str
    release_as: str | None = None


def suggest_bump(
    base_tag: str | None, base: Version | None, evidence: Iterable[Evidence], *, is_calendar: bool
) -> Bump:
    """Return the version after `base`, the strongest evidence first, then in graph order.

    A breaking change below 1.0 raises the second number; commits that all stay unseen still make
    a patch. A calendar version is no function of commits, so none is suggested.
    """
    found = list(evidence)
    if not found:
        return _bump(base_tag, "none", None, [BumpReason(level="none", reason="no commits")])
    demanded = [item for item in found if item.release_as]
    top = max(found, key=lambda item: _RANKS[item.level]).level
    reasons = [
        BumpReason(level=item.level, reason=item.reason, sha=item.sha)
        for item in found
        if item.level == top and top != "none"
    ][:_MAX_REASONS]
    if top == "none":
        top = "patch"
        reasons = [BumpReason(level="patch", reason="no visible change")]
    if top == "major" and base is not None and base.numbers[0] == 0:
        top = "minor"
    if base is None:
        reasons.append(BumpReason(level="none", reason="no stable release to count from"))
        return _bump(base_tag, top, None, reasons)
    if is_calendar:
        reasons.append(BumpReason(level="none", reason="calendar versions do not follow commits"))
        return _bump(base_tag, top, None, reasons)
    if demanded:
        last = demanded[-1]
        reasons.insert(0, BumpReason(level=top, reason="Release-As footer", sha=last.sha))
        return _bump(base_tag, top, (base.prefix, last.release_as or ""), reasons)
    return _bump(base_tag, top, (base.prefix, next_version(base, top)), reasons)


def _bump(
    base: str | None, level: Level, version: tuple[str, str] | None, reasons: list[BumpReason]
) -> Bump:
    return Bump(
        base=base,
        level=level,
        next=version[1] if version else None,
        next_tag="".join(version) if version else None,
        reasons=tuple(reasons),
    )
