"""The default headline of a single log record: what its `summary` says when nothing is stored."""

from typing import Final

from schemas.severity import UNSPECIFIED, severity_range

HEADLINE_CHARACTERS: Final = 200


def default_headline(severity_number: int, severity_text: str | None, body: str) -> str:
    """Return `SEVERITY: first line` on one line, at most 200 characters.

    The severity is left out when it is not known, or when the line itself starts with it.
    """
    line = " ".join(body[: HEADLINE_CHARACTERS * 4].lstrip().partition("\n")[0].split())
    return clipped(with_severity(severity_number, severity_text, line))


def with_severity(severity_number: int, severity_text: str | None, line: str) -> str:
    """Return the line behind the name of its severity range, unless it says so itself."""
    if severity_number == UNSPECIFIED:
        return line
    name = severity_range(severity_number)
    start = line[:20].lstrip("[<(").upper()
    if start.startswith(name) or (severity_text and start.startswith(severity_text.upper())):
        return line
    return f"{name}: {line}" if line else name


def clipped(text: str) -> str:
    """Return the text, cut with an ellipsis so that it has at most 200 characters."""
    if len(text) <= HEADLINE_CHARACTERS:
        return text
    return text[: HEADLINE_CHARACTERS - 1].rstrip() + "…"
