"""The numbers a summary is made with, and their hash: the provenance of every document."""

from hashlib import blake2b
from typing import Final

import msgspec

from schemas.summaries import SCHEMA_VERSION, Provenance


class SummaryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Scores are decimal orders of rarity (2 = one window in a hundred), times the importance.

    `listed_from` and `unusual_from` are scores; `rare_from` is the rarity below which
    a changed count is no difference at all, `persists_from` the one at which a finding
    of the window before is still going on. `saturation` is the most that a change of rate can
    score however extreme it is, so that a new ERROR is not buried by a burst of INFO.
    """

    baseline_windows: int = 20
    listed_from: float = 0.1
    unusual_from: float = 2.0
    persists_from: float = 1.3
    rare_from: float = 1.3
    saturation: float = 6.0
    noise_quantile_percent: int = 90
    prior_degrees_of_freedom: int = 3
    min_dispersion: float = 0.5
    known_score: float = 1.9
    calm_news_windows: int = 3
    max_findings: int = 30
    max_usual_findings: int = 3
    detailed_findings: int = 10
    shift_candidates: int = 5
    shift_min_lines: int = 10
    shift_rarity: float = 1.1
    line_limit: int = 1000
    baseline_line_limit: int = 500
    sticky_share: float = 0.9
    sticky_baseline_share: float = 0.5
    sticky_min_lines: int = 3
    top_templates: int = 10
    exemplars: int = 3
    exemplar_characters: int = 1000
    calm_story_windows: int = 20
    alarming_story_windows: int = 288


DEFAULT_CONFIG: Final = SummaryConfig()


def provenance(config: SummaryConfig) -> Provenance:
    """Return the schema version and a hash over every number above."""
    digest = blake2b(msgspec.json.encode(config), digest_size=8).hexdigest()
    return Provenance(schema_version=SCHEMA_VERSION, config_hash=digest)
