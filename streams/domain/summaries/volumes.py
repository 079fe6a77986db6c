"""How busy a service was: what all its templates share when traffic doubles.

A window with twice the traffic has twice of everything; no single template is to blame. The factor
is the median over the templates, so one that spikes or vanishes does not move it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

LineCounts = Mapping[int, int]

# Templates with fewer lines a window say too little of the volume, fewer templates too.
_MIN_LINES: Final = 2.0
_MIN_TEMPLATES: Final = 3
# A window with so many lines counts half of its factor: the median of few lines is noise.
_HALF_TRUSTED_LINES: Final = 200.0
_LEAST: Final = 0.05


def typical_lines(windows: Sequence[LineCounts], exposures: Sequence[float]) -> dict[int, float]:
    """Return the lines a whole window that tell of the volume: those of the frequent templates."""
    totals: dict[int, int] = {}
    for counts in windows:
        for template_id, count in counts.items():
            totals[template_id] = totals.get(template_id, 0) + count
    exposure = sum(exposures)
    means = {key: total / exposure for key, total in sorted(totals.items())}
    frequent = {key: mean for key, mean in means.items() if mean >= _MIN_LINES}
    return frequent if len(frequent) >= _MIN_TEMPLATES else {}


def volume_factor(counts: LineCounts, typical: Mapping[int, float], exposure: float) -> float:
    """Return how many times the typical volume a window has; 1 where too little tells."""
    if not typical:
        return 1.0
    ratios = sorted(
        (counts.get(key, 0) / (mean * exposure), key, mean) for key, mean in typical.items()
    )
    lines = sum(typical.values())
    trust = lines / (lines + _HALF_TRUSTED_LINES)
    return float(max(_weighted_median(ratios, lines), _LEAST) ** trust)


def _weighted_median(ratios: Sequence[tuple[float, int, float]], total: float) -> float:
    passed = 0.0
    for ratio, _, weight in ratios:
        passed += weight
        if passed * 2.0 >= total:
            return ratio
    return 1.0
