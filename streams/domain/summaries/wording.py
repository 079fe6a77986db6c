"""The words of a summary: one fixed grammar, no free text."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from schemas.severity import ERROR, WARN
from schemas.summaries import Finding, FindingKind, FindingState
from streams.domain.summaries.counts import WindowCounts, sum_by_severity_number, sum_by_template

HEADLINE_CHARACTERS: Final = 300
TEXT_CHARACTERS: Final = 2000

_TEMPLATE_CHARACTERS: Final = 120
_TOLD_FINDINGS: Final = 5
_COVERED_PERCENT: Final = 75
_WORD: Final = re.compile(r"[^\W_][\w'./-]*[^\W_]|[^\W_]")
_HEADER_TOKENS: Final = 10
_LEVELS: Final = frozenset(
    ("TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL")
)
_LOGGER: Final = re.compile(r"[\w$-]+(?:\.[\w$-]+)+:?")
_LOWER_CASE: Final = re.compile(r"[a-z]")
# Words that carry nothing in a telegram.
_FILLER: Final = re.compile(
    r"a|an|and|are|as|at|be|been|by|for|from|had|has|have|in|is|it|its|of|on|or|that|the|this|to"
    r"|was|were|with",
    re.IGNORECASE,
)


def finding_sentence(finding: Finding) -> str:
    """Return `ERROR x42 (baseline 1): <template>; new since 10:02; 98 % host=db-3`."""
    severity = f"{finding.severity} " if finding.severity_number else ""
    parts = [
        f"{severity}x{finding.count} (baseline {_number(finding.expected)}): "
        f"{_clipped(_one_line(finding.template), _TEMPLATE_CHARACTERS)}",
        _kind_phrase(finding),
    ]
    if finding.state is FindingState.ONGOING:
        parts.append(_progress(finding))
    if finding.stack is not None:
        parts.append(_stack_phrase(finding))
    parts.extend(
        f"{_percent(found.share)} {found.name}={found.value}" for found in finding.sticky[:2]
    )
    return "; ".join(parts)


def headline(
    window: WindowCounts,
    *,
    findings: Sequence[Finding],
    unusual_count: int,
    baseline_windows: int,
    texts: Mapping[int, str],
) -> str:
    """Return the window in one sentence; `nothing unusual` is a result too."""
    if unusual_count:
        more = f" (and {unusual_count - 1} more)" if unusual_count > 1 else ""
        return _clipped(finding_sentence(findings[0]), HEADLINE_CHARACTERS - len(more)) + more
    extent = _extent(window)
    ended = next((one for one in findings if one.state is FindingState.OVER), None)
    if ended is not None:
        return _clipped(f"over: {_story(ended)}; {extent}", HEADLINE_CHARACTERS)
    if baseline_windows:
        return f"nothing unusual: {extent}"
    return _clipped(
        f"no past to compare with: {extent}{_worst(window, texts)}", HEADLINE_CHARACTERS
    )


def summary_text(headline_text: str, told: Sequence[Finding], phrases: Sequence[str]) -> str:
    """Return the summary as text: the unusual findings a line each, then what else happened."""
    digest = "; ".join(phrases)
    if not told:
        return _clipped(digest or headline_text, TEXT_CHARACTERS)
    sentences = [finding_sentence(finding) for finding in told[:_TOLD_FINDINGS]]
    return _clipped("\n".join([*sentences, digest]).rstrip(), TEXT_CHARACTERS)


def digest_phrases(ordered_templates: Sequence[str]) -> list[str]:
    """Return what the templates say without their parameters, leaving out what was said before."""
    said: set[str] = set()
    phrases = []
    for template in ordered_templates:
        words = [word for word in _WORD.findall(_constants(template)) if not _is_filler(word)]
        fresh = {word.lower() for word in words} - said
        if words and len(fresh) * 100 > len(set(words)) * (100 - _COVERED_PERCENT):
            phrases.append(" ".join(words))
            said |= fresh
    return phrases


def _constants(template: str) -> str:
    return " ".join(token for token in _after_header(template.split()) if "<*>" not in token)


def _after_header(tokens: list[str]) -> list[str]:
    """Return the tokens behind a level word and a logger's name, all where there is no header."""
    for index, token in enumerate(tokens[:_HEADER_TOKENS]):
        if token.strip("[]<>():") in _LEVELS:
            rest = tokens[index + 1 :]
            return rest[1:] if rest and _LOGGER.fullmatch(rest[0]) else rest
        if _LOWER_CASE.search(token.replace("<*>", "")):
            break
    return tokens


def _is_filler(word: str) -> bool:
    return _FILLER.fullmatch(word) is not None


def _kind_phrase(finding: Finding) -> str:
    clock = finding.since[11:16]
    match finding.kind:
        case FindingKind.NEW:
            return f"new since {clock}"
        case FindingKind.RETURNED:
            return f"back since {clock}"
        case FindingKind.SPIKE:
            return f"up x{_number(finding.ratio or 0.0)} since {clock}"
        case FindingKind.DROP:
            return f"down to {_percent(finding.ratio or 0.0)} since {clock}"
        case FindingKind.GONE:
            return f"gone since {clock}"
        case FindingKind.SEVERITY_SHIFT:
            return f"more severe since {clock}"
        case FindingKind.PARAM_SHIFT:
            return f"other values since {clock}"


def _progress(finding: Finding) -> str:
    peak = f", peak {finding.peak_at[11:16]}" if finding.peak_at else ""
    return f"still going{peak}"


def _story(finding: Finding) -> str:
    peak = f", peaked {finding.peak_at[11:16]}" if finding.peak_at else ""
    template = _clipped(_one_line(finding.template), _TEMPLATE_CHARACTERS)
    return f"{template}, started {finding.since[11:16]}{peak}, ended {finding.until[11:16]}"


def _stack_phrase(finding: Finding) -> str:
    stack = finding.stack
    if stack is None:
        return ""
    return f"{stack.exception} at {stack.frame}" if stack.frame else stack.exception


def _extent(window: WindowCounts) -> str:
    """Return `736 lines (2 ERROR, 5 WARN), 16 templates`."""
    numbers = sum_by_severity_number(window.counts)
    errors = sum(count for number, count in numbers.items() if number >= ERROR)
    warnings = sum(count for number, count in numbers.items() if WARN <= number < ERROR)
    severe = [f"{n} {name}" for n, name in ((errors, "ERROR"), (warnings, "WARN")) if n]
    return (
        _plural(window.lines, "line")
        + (f" ({', '.join(severe)})" if severe else "")
        + f", {_plural(len(sum_by_template(window.counts)), 'template')}"
    )


def _worst(window: WindowCounts, texts: Mapping[int, str]) -> str:
    """Return the most frequent of the most severe templates, nothing below WARN."""
    number = max((count.severity_number for count in window.counts), default=0)
    if number < WARN:
        return ""
    counts = sum_by_template(c for c in window.counts if c.severity_number == number)
    worst = min(counts, key=lambda template_id: (-counts[template_id], template_id))
    return f"; x{counts[worst]}: {_clipped(_one_line(texts[worst]), _TEMPLATE_CHARACTERS)}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _number(value: float) -> str:
    """Return few digits: `0`, `0.3`, `12`."""
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _clipped(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
