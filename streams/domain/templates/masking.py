"""Stage one: what varies from line to line is replaced by `<*>`, token by token, then by line."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from streams.domain.templates.lexicon import (
    HTTP_METHODS,
    MESSAGE_KEYS,
    MONTH,
    UNITS,
    WEEKDAY,
    ZONE,
    is_exception_name,
    is_status_word,
    is_verb_form,
)

WILDCARD: Final = "<*>"

# Marks that live only between the two stages; a body cannot hold them (see CLEAN).
FIRST: Final = "\x01"  # before a token: it opens the line
_DATE: Final = "\x02"
_TIME: Final = "\x03"
WEAK: Final = "\x04"  # a word with a digit, perhaps a constant: ssh2, L3, tty1
NUMBER: Final = "\x05"  # perhaps an HTTP status

CLEAN: Final[dict[int, str]] = dict.fromkeys(range(9), " ")
_FOLD: Final = bytes.maketrans(b"123456789" + bytes(range(9)), b"0" * 9 + b" " * 9)
# Hexadecimal ids, UUIDs among them: letters and digits, at least six. Bounded look-ahead keeps it
# linear.
_IDS: Final = re.compile(rb"\b(?=[0-]{0,40}[a-fx])(?=[a-fx-]{0,40}0)[0a-fx-]{6,}\b")


def fold_digits(line: str) -> bytes:
    """Return the line with `0` for each digit: one cache entry stands for many lines."""
    return line.encode("utf-8", "surrogatepass").translate(_FOLD)


def fold_ids(folded: bytes) -> bytes:
    """Return a line of folded digits with its hexadecimal ids as `0`."""
    return _IDS.sub(b"0", folded)


def fold_numbers(folded: bytes) -> bytes:
    """Return a line of folded digits with each number, however long, as one `0`."""
    while b"00" in folded:
        folded = folded.replace(b"00", b"0")
    return folded


_OPENING: Final = "([{<\"'`"
_CLOSING: Final = ".,;:!?)]}>\"'`"
_WEAK_WORD: Final = re.compile(r"[A-Za-z]+0[A-Za-z]*")
# The same as a name: what opens the line or stands before `=`, `(` or `::`.
_WEAK_NAME: Final = re.compile(r"(?:[A-Za-z]+_)*[A-Za-z]+0(?:_?[A-Za-z]+)*")
_WEAK_KEY: Final = re.compile(r"(?:[A-Za-z]+_)*[A-Za-z]+0(?:_?[A-Za-z]+)*(?==|\(|::)")
_EXACT_WEAK: Final = re.compile(
    r"[^\w]*([A-Za-z_]+[0-9][A-Za-z_]*(?=[^\w=(]*$)|[A-Za-z_]+[0-9]{1,2}[A-Za-z_]*(?==|\(|::))"
)
_STATUS: Final = re.compile(r"((?:[\w.-]*(?i:status|code|response)[\"']?[=:][\"']?)?)0")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://[^\s\"'<>,;)\]}]*")
_COLON_HEX: Final = re.compile(r"[0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?(?:/[0-9]+)?")
_ADDRESS: Final = re.compile(r"[0-9.]+(?::[0-9]+)?")
_DATE_TOKEN: Final = re.compile(r"0([-/.])0\1 ?0")
_DAY_TOKEN: Final = re.compile(rf"0/{MONTH}/0(?::0:0:0)?")
_TIME_TOKEN: Final = re.compile(r"0:0(?::0)?(?:[.,]0)?(?:Z|[+-]0(?::0)?)?")
_PATH: Final = re.compile(
    r"~?\.{0,2}/[^\s\"'<>,;:()\[\]{}|=]+|[A-Za-z]:\\[^\"'<>,;()|=]*|\\\\[^\"'<>,;()|=]+"
)
_RELATIVE_PATH: Final = re.compile(r"[^\s\"'<>,;:()\[\]|=/]+(?:/[^\s\"'<>,;:()\[\]{}|=/]*)+")
_NAMESPACED_ID: Final = re.compile(r"[\w-]+/(?=[a-z]+[\w-]*0)[\w-]*[a-z-][\w-]*")
_OUTER: Final = re.compile(r"([=,;()\[\]<>\"'`|]|(?<!\$)\{|(?<!\$)\}|->)")
_INNER: Final = re.compile(r"([:{}@/?&!#]|\.{2,})")
_DOTTED: Final = re.compile(r"[A-Za-z_$*][\w$*-]*(?:\.[\w$*-]+){2,}")
_HEX_WORD: Final = re.compile(r"[a-f]{8,}|[A-F]{8,}")
_WORD_DOT_NUMBER: Final = re.compile(r"([A-Za-z_-]+)\.0")
_HOST: Final = re.compile(
    r"[a-z-]+(?:\.[a-z-]+)*\."
    r"(?:com|net|org|edu|gov|mil|io|de|fr|uk|us|jp|cn|hk|ru|br|nl|eu|au|ca|ch|se|es|pl|kr|tw"
    r"|local|internal|lan|localdomain|corp)"
)
_LONE_COLON: Final = re.compile(r":(?!:)")
_PLACE: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+:0")
_MAILBOX: Final = re.compile(r"[\w.+-]+@[A-Za-z][A-Za-z.-]*")
_NAMED_PATH: Final = re.compile(r"([A-Za-z_-]+:)(/[^/].*)")
_PERCENT: Final = re.compile(r"[+-]?[0.]+%")
_ADJACENT: Final = re.compile(r"<\*>(?:[.:#/@,]+<\*>)+")
_HTTP_VERSION: Final = re.compile(r"(?i:http)/0(?:\.0)?")


def split_tokens(line: str) -> list[str]:
    """Return the tokens of a line: between blanks, and the members of a JSON object."""
    if line.startswith("{") and ',"' in line:
        line = line.replace(',"', ', "')
    return line.split()


def mask_token(token: str) -> str:
    """Return the folded token with its variable parts replaced by `<*>` or a mark.

    A leading FIRST says that the token opens the line: a dotted name there says who speaks, and
    stays.
    """
    is_first = token[0] == FIRST
    if is_first:
        token = token[1:]
    if token.isalnum():
        return _mask_alphanumeric(token)
    without_opening = token.lstrip(_OPENING)
    core = without_opening.rstrip(_CLOSING)
    if not core:
        return f"({WILDCARD})" if token == "()" else token  # noqa: S105 (a token of text)
    if "}" in core and token[len(token) - len(without_opening) - 1] == "{":
        core = "{" + core
        without_opening = "{" + without_opening
    opening = token[: len(token) - len(without_opening)]
    return opening + _mask_core(core, is_first=is_first) + without_opening[len(core) :]


def _mask_alphanumeric(token: str) -> str:
    if "0" not in token:
        return WILDCARD if _HEX_WORD.fullmatch(token) else token
    if len(token) == 1:
        return NUMBER
    return WEAK if _WEAK_WORD.fullmatch(token) else WILDCARD


def _mask_core(core: str, *, is_first: bool) -> str:
    whole = WEAK if is_first and _WEAK_NAME.fullmatch(core) else _mask_whole(core)
    if whole is not None:
        return whole
    key = _WEAK_KEY.match(core)
    rest = core[key.end() :] if key else core
    pieces = _OUTER.split(rest)
    for index in range(0, len(pieces), 2):
        pieces[index] = _mask_part(pieces[index], is_first=is_first and index == 0)
    masked = _ADJACENT.sub(WILDCARD, "".join(pieces))
    return WEAK + masked if key else masked


def _mask_whole(core: str) -> str | None:
    """Return the mask of a core whose meaning the whole line decides, None for all others."""
    if _WEAK_WORD.fullmatch(core):
        return WEAK
    status = _STATUS.fullmatch(core)
    if status is not None:
        return status.group(1) + NUMBER
    if _DATE_TOKEN.fullmatch(core) or _DAY_TOKEN.fullmatch(core):
        return _DATE
    if _TIME_TOKEN.fullmatch(core):
        return _TIME
    if _is_address(core):
        return WILDCARD
    return f"HTTP/{WILDCARD}" if _HTTP_VERSION.fullmatch(core) else None


def exact_weak(masked: str, exact: str) -> str:
    """Return the masked token with the weak word that the exact token has in its place."""
    found = _EXACT_WEAK.match(exact)
    return masked.replace(WEAK, found.group(1) if found else WILDCARD)


def _mask_part(part: str, *, is_first: bool) -> str:
    if _is_address(part):
        return WILDCARD
    named_path = _NAMED_PATH.fullmatch(part)
    if named_path is not None:
        return named_path.group(1) + (_mask_location(named_path.group(2)) or WILDCARD)
    location = _mask_location(part)
    if location is not None:
        return location
    pieces = _INNER.split(part)
    for index in range(0, len(pieces), 2):
        pieces[index] = _mask_piece(pieces[index], is_first=is_first and index == 0)
    return "".join(pieces)


def _is_address(part: str) -> bool:
    """Say whether a part is a clock time, an IPv6 or MAC address, host and port, or a mailbox."""
    if ":" in part and "0" in part and not _LONE_COLON.match(part):
        is_hex = part.count(":") > 1 and _COLON_HEX.fullmatch(part)
        return bool(is_hex or _PLACE.fullmatch(part))
    return "@" in part and _MAILBOX.fullmatch(part) is not None


def _mask_location(core: str) -> str | None:
    """Return the mask of an URL, an absolute path or a relative path with dots, else None."""
    if "/" not in core and "\\" not in core:
        return None
    url = _URL.fullmatch(core)
    if url is not None:
        scheme = url.group(1)
        return WILDCARD if scheme in ("http", "https") else f"{scheme}://{WILDCARD}"
    if _PATH.fullmatch(core):
        return f"/{WILDCARD}" if _ADDRESS.fullmatch(core[1:]) else WILDCARD
    if _RELATIVE_PATH.fullmatch(core) and (
        core.count("/") > 1 or "." in core or _NAMESPACED_ID.fullmatch(core)
    ):
        return WILDCARD
    return None


def _mask_piece(piece: str, *, is_first: bool) -> str:
    if "0" not in piece:
        if _HEX_WORD.fullmatch(piece) or _HOST.fullmatch(piece):
            return WILDCARD
        return WILDCARD if _is_name(piece) and not is_first else piece
    if _PERCENT.fullmatch(piece):
        return f"{WILDCARD}%"
    word_dot_number = _WORD_DOT_NUMBER.fullmatch(piece)
    return f"{word_dot_number.group(1)}.{WILDCARD}" if word_dot_number else WILDCARD


def _is_name(piece: str) -> bool:
    """Say whether a piece is a package, a class or the like: a name with dots, no exception."""
    return "." in piece and not is_exception_name(piece) and bool(_DOTTED.fullmatch(piece))


_STATUS_NAMES: Final = ("status", "code", "response", "returned", "http")


def find_status(masked_tokens: Sequence[str]) -> int | None:
    """Return the index of the token that holds an HTTP status, None when there is none."""
    is_request = any(
        token.startswith("HTTP/") or token.lstrip("\"'[") in HTTP_METHODS for token in masked_tokens
    )
    for index, token in enumerate(masked_tokens):
        if NUMBER in token:
            before = masked_tokens[max(index - 2, 0) : index]
            after = masked_tokens[index + 1 : index + 3]
            if _names_status(token, before) or (is_request and _stands_as_status(before, after)):
                return index
    return None


def _names_status(token: str, before: Sequence[str]) -> bool:
    name = token.partition(NUMBER)[0] or " ".join(before)
    return name.strip("\"'=:([").lower().endswith(("status", "status code", "statuscode"))


def _stands_as_status(before: Sequence[str], after: Sequence[str]) -> bool:
    """Say whether a number of a request line stands where access logs have the status."""
    if not before:
        return False
    previous = before[-1]
    if previous == "|" or previous.endswith(('"', "'", f"HTTP/{WILDCARD}")):
        return True
    if before[0] in HTTP_METHODS and len(before) > 1:
        return True
    return list(after) == [NUMBER, "-"] or previous.strip(":=").lower() in _STATUS_NAMES


_STATUS_CLASS: Final = re.compile(r"(?<![0-9])([1-5])[0-9]{2}(?=[^0-9]*$)")
_SERVER_ERROR: Final = re.compile(r"(?<![0-9])(5)[0-9]{2}(?=[^0-9]*$)")
_ANY_NUMBER: Final = re.compile("[0-9]+(?=[^0-9]*$)")


def mask_status(exact: str, previous: str) -> str:
    """Return the exact token with its HTTP status as a class: `4<*>`.

    A status in its place (`"GET / HTTP/1.1" 404`, `status=404`) shows each class. One that the
    text only mentions (`status: 404`) is a parameter unless the server failed.
    """
    is_mentioned = previous.endswith(":") and not previous.endswith(('":', "':"))
    pattern = _SERVER_ERROR if is_mentioned else _STATUS_CLASS
    classed = pattern.sub(rf"\1{WILDCARD}", exact)
    return classed if classed != exact else _ANY_NUMBER.sub(WILDCARD, exact)


_UNIT: Final = f"(?i:{'|'.join(sorted(UNITS, key=len, reverse=True))})"


def _mask_name(match: re.Match[str]) -> str:
    """Return "user <*>" for "user alice", but "user unknown" as it is."""
    cue, name = match.groups()
    if name.lower() in _NO_NAMES or is_status_word(name) or is_verb_form(name):
        return match.group(0)
    return f"{cue} {WILDCARD}"


_NO_NAMES: Final = frozenset({"authentication", "id", "is", "name", "request", "session", "was"})
_LINE_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(f"[{WEAK}{NUMBER}]"), WILDCARD),
    # Dates in words, and date plus time: one value.
    (
        re.compile(rf"(?:\b{WEEKDAY},? )?\b{MONTH} <\*>,? (?:<\*> )?{_TIME}(?: {ZONE})?(?: <\*>)?"),
        WILDCARD,
    ),
    (
        re.compile(rf"(?:\b{WEEKDAY},? )?<\*> {MONTH} <\*> {_TIME}(?: {ZONE}| [+-]?<\*>)?"),
        WILDCARD,
    ),
    (re.compile(rf"{_DATE}[ T]{_TIME}"), WILDCARD),
    (re.compile(f"[{_DATE}{_TIME}]"), WILDCARD),
    # A request line: target and version are one value.
    (
        re.compile(rf"\b({'|'.join(sorted(HTTP_METHODS))}) (?:/|<\*>)[^\s\"]*(?: HTTP/<\*>)?"),
        rf"\1 {WILDCARD}",
    ),
    # "1536 bytes (1.5 KB)" says it twice; "<1 sec" is a value.
    (re.compile(rf"(<\*> {_UNIT}) \(<\*> {_UNIT}\)"), r"\1"),
    (re.compile(rf"(?<![^ =:(])<<\*> {_UNIT}\b"), WILDCARD),
    # An access log: who, when; referrer and agent.
    (re.compile(r"^<\*> [^\s\"]+ [^\s\"]+ \[<\*>[^\]\"]*\]"), f"{WILDCARD} [{WILDCARD}]"),
    (
        re.compile(r"(?<=\") ([1-5]?<\*> (?:<\*>|-)) \"[^\"]*\" \"[^\"]*\""),
        rf' \1 "{WILDCARD}" "{WILDCARD}"',
    ),
    # What cron ran.
    (re.compile(r"\) CMD \(.*\)$"), f") CMD ({WILDCARD})"),
    (re.compile(r"\[ (?=<\*>\])"), "["),
    # A long list is one value, whatever its length.
    (re.compile(r"(?<![^ (\[{])((?:[^\s<]{0,40})<\*>[^\s<,;]{0,40})([,;]? )(?:\1\2){3,}\1"), r"\1"),
    # Who: "user alice from", "for root from <*>".
    (
        re.compile(
            r"\b([Uu]ser(?:name)?) ([\w.@$\\-]*\w)"
            r"(?=\.?$|:? from\b| by\b| on\b| at\b| via\b| logged\b| \[| \(|,|;)"
        ),
        _mask_name,
    ),
    (re.compile(r"\b(for) ([\w.@$\\-]+)(?= from (?:<\*>|[\w.-]+ port <\*>))"), _mask_name),
)
_QUOTED_VALUE: Final = re.compile(r"(?<![\w.-])([\w.-]+)=\"([^\"]*)\"")


def _mask_quoted(match: re.Match[str]) -> str:
    if match.group(1).lower() in MESSAGE_KEYS or not match.group(2):
        return match.group(0)
    return f'{match.group(1)}="{WILDCARD}"'


def mask_line(text: str) -> str:
    """Return the shape of a line from its joined masked tokens: rules that see more than one."""
    if '="' in text:
        text = _QUOTED_VALUE.sub(_mask_quoted, text)
    for rule, replacement in _LINE_RULES:
        text = rule.sub(replacement, text)
    return text
