"""Window summaries: what is new, more, less or gone in a service, ranked against its own past.

Two steps, so that lines are read only for what is worth telling:

    ranking = rank_findings(window, baseline, templates, previous)
    summary = write_summary(ranking, {request: read(request) for request in ranking.requests})
"""

from streams.domain.summaries.config import DEFAULT_CONFIG, SummaryConfig
from streams.domain.summaries.counts import (
    LineRequest,
    TemplateCount,
    TemplateInfo,
    WindowCounts,
    thinned,
)
from streams.domain.summaries.document import content_hash, encode_summary, write_summary
from streams.domain.summaries.ranking import Ranking, rank_findings

__all__ = [
    "DEFAULT_CONFIG",
    "LineRequest",
    "Ranking",
    "SummaryConfig",
    "TemplateCount",
    "TemplateInfo",
    "WindowCounts",
    "content_hash",
    "encode_summary",
    "rank_findings",
    "thinned",
    "write_summary",
]
