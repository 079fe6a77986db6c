"""How much a finding matters, by severity, by wording where the shipper gave none, and by kind."""

import re
from functools import lru_cache
from typing import Final

from schemas.severity import ERROR, FATAL, INFO, UNSPECIFIED, WARN
from schemas.summaries import FindingKind

ALARMING: Final = 1.7
WARNING: Final = 1.2
CALM: Final = 1.0

_FATAL_WEIGHT: Final = 3.5
_ERROR_WEIGHT: Final = 3.0
_BELOW_INFO_WEIGHT: Final = 0.7
_RETURNED_FACTOR: Final = 0.75

# Words of a line that went wrong; half of all shippers send no severity at all.
_TROUBLE: Final = re.compile(
    r"\b(?:errors?|exception|fatal|panic|crash(?:ed)?|critical|fail(?:ed|ure|ures|ing)?"
    r"|refused|denied|rejected|aborted|timed out|timeout|unable to|cannot|could not|corrupt(?:ed)?"
    r"|killed|unreachable|out of memory|segfault|overflow)\b|(?-i:[a-z]Exception\b|[a-z]Error\b)",
    re.IGNORECASE,
)


def importance(severity_number: int, template: str) -> float:
    """Return the weight of a template's lines: 1 for INFO, 3 for ERROR, by wording without one."""
    if severity_number >= FATAL:
        return _FATAL_WEIGHT
    if severity_number >= ERROR:
        return _ERROR_WEIGHT
    is_trouble = _tells_trouble(template)
    if severity_number == UNSPECIFIED:
        return ALARMING if is_trouble else CALM
    if severity_number >= WARN or is_trouble:
        return WARNING
    return CALM if severity_number >= INFO else _BELOW_INFO_WEIGHT


@lru_cache(maxsize=8192)
def _tells_trouble(template: str) -> bool:
    return _TROUBLE.search(template) is not None


def kind_importance(kind: FindingKind, weight: float) -> float:
    """Return the weight for a kind: fewer errors are no alarm, a returned line is half known."""
    if kind in (FindingKind.DROP, FindingKind.GONE):
        return min(weight, CALM)
    if kind is FindingKind.RETURNED:
        return weight * _RETURNED_FACTOR
    return weight
