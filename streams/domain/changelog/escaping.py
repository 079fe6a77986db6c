"""Text of strangers in Markdown: it reads as it was written and can do nothing else."""

import re
from typing import Final
from urllib.parse import quote

# What may open a construct in the middle of a line, for CommonMark and GitHub's dialect: a `_`
# within a word and a `&` that begins no entity open none.
_SPECIAL: Final = re.compile(
    r"[\\`*\[\]<~@$]|_(?![A-Za-z0-9])|(?<![A-Za-z0-9])_|&(?=#?[A-Za-z0-9]{1,40};)"
)
_LINE_START: Final = re.compile(r"[-+=:>#]|[0-9]{1,9}(?=[.)])")
# Text of these characters alone is shown as it is; most subjects are.
_PLAIN: Final = re.compile(r"[A-Za-z0-9 (){}:;,.'\"!?/|#%^=>+-]*+")
_TICKS: Final = re.compile(r"`+")
_BREAKS: Final = re.compile("\r\n|[\n\r\v\f\u0085\u2028\u2029]")
# Embeddings, overrides and isolates reorder the text after them; the rest draws nothing or rings.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MASS_MENTION: Final = re.compile(
    r"(?<![\w`])@(?:everyone|here|channel|all)\b(?!`)", re.IGNORECASE | re.ASCII
)
_REPLACEMENT: Final = "\ufffd"


def escape_line(text: str) -> str:
    """Return Markdown that shows one line of text as it is; balanced code spans stay code.

    Line breaks become blanks; control characters, lone surrogates and what reorders text become
    U+FFFD; `@everyone` and its kind become code, which no chat or forge turns into a summons.
    """
    escaped = escape_words(text)
    lead = _LINE_START.match(escaped)
    if lead is None:
        return escaped
    # `1.` is escaped before its point, a digit cannot be.
    place = lead.end() if lead[0].isdigit() else 0
    return f"{escaped[:place]}\\{escaped[place:]}"


def escape_words(text: str) -> str:
    """Return what `escape_line` does for text that stands behind other text of its line."""
    line = clean_line(text)
    if _PLAIN.fullmatch(line):
        return line
    parts: list[str] = []
    start = 0
    for opening, closing in _code_spans(line):
        parts.append(_escape_prose(line[start:opening]))
        parts.append(line[opening:closing])
        start = closing
    parts.append(_escape_prose(line[start:]))
    return "".join(parts)


def clean_line(text: str) -> str:
    """Return the text on one line, without the characters that nobody should meet in one."""
    if text.isascii() and text.isprintable():
        return text.strip()
    lines = (line.strip() for line in _BREAKS.split(text))
    return _INVISIBLE.sub(_REPLACEMENT, " ".join(line for line in lines if line))


def link(label: str, url: str) -> str:
    """Return a link with an escaped label; only http and https are linked."""
    if not url.startswith(("https://", "http://")):
        return escape_words(label)
    return f"[{escape_words(label)}]({quote(url, safe=':/?#@!$&*+,;=%~._-')})"


def _escape_prose(text: str) -> str:
    parts: list[str] = []
    start = 0
    for match in _MASS_MENTION.finditer(text):
        parts.append(_SPECIAL.sub(r"\\\g<0>", text[start : match.start()]))
        parts.append(f"`{match[0]}`")
        start = match.end()
    parts.append(_SPECIAL.sub(r"\\\g<0>", text[start:]))
    return "".join(parts)


def _code_spans(line: str) -> list[tuple[int, int]]:
    """Return where the code spans are: a run of backticks up to the next run as long.

    A span whose code begins or ends with a blank is text, CommonMark would eat the blank.
    """
    runs = [(match.start(), match.end()) for match in _TICKS.finditer(line)]
    places: dict[int, list[int]] = {}
    for place in range(len(runs) - 1, -1, -1):
        places.setdefault(runs[place][1] - runs[place][0], []).append(place)
    spans: list[tuple[int, int]] = []
    place = 0
    while place < len(runs):
        start, inside = runs[place]
        same = places[inside - start]
        while same and same[-1] <= place:
            same.pop()
        if same:
            until, end = runs[same[-1]]
            code = line[inside:until]
            if code.strip(" ") == code:
                spans.append((start, end))
                place = same[-1] + 1
                continue
        place += 1
    return spans
