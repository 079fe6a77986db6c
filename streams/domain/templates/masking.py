"""Stage one: the parts of a token that vary from line to line are replaced by `<*>`."""

import re
from typing import Final

from streams.domain.templates.lexicon import MONTH, is_exception_name

WILDCARD: Final = "<*>"

# Marks that live only between the two stages; a body cannot hold them (see CLEAN).
FIRST: Final = "\x01"  # before a token: it opens the line
DATE: Final = "\x02"
TIME: Final = "\x03"
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
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,40})://[^\s\"'<>,;)\]}]*")
# An IPv6 address with a port; told as IPv4, so that brackets need no other rule.
_BRACKETED_ADDRESS: Final = re.compile(r"\[(?=[0-9A-Fa-f.]*:)[0-9A-Fa-f:.]++(?:%\w++)?\]:0")
_PLAIN_ADDRESS: Final = "0.0.0.0:0"
_COLON_HEX: Final = re.compile(r"[0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?(?:/[0-9]+)?")
_ADDRESS: Final = re.compile(r"[0-9.]+(?::[0-9]+)?")
_DATE_TOKEN: Final = re.compile(r"0([-/.])0\1 ?0")
_DAY_TOKEN: Final = re.compile(rf"0/{MONTH}/0(?::0:0:0(?:\.0)?)?")
_TIME_TOKEN: Final = re.compile(r"0:0(?::0)?(?:[.,]0)?(?:Z|[+-]0(?::0)?)?")
_PATH: Final = re.compile(
    r"~?\.{0,2}/[^\s\"'<>,;:()\[\]{}|=]+|(?:[A-Za-z]:|HK[A-Z_]{2,20})\\[^\"'<>,;()|=]*"
    r"|\\\\[^\"'<>,;()|=]+"
)
_PATH_AND_QUERY: Final = re.compile(r"(?<![^=:])/[^\s\"'<>,;()\[\]{}|=?]*\?[^\s\"'<>,;()\[\]{}|]*")
_RELATIVE_PATH: Final = re.compile(r"[^\s\"'<>,;:()\[\]|=/]+(?:/[^\s\"'<>,;:()\[\]{}|=/]*)+")
_NAMESPACED_ID: Final = re.compile(r"[\w-]+/(?=[a-z]+[\w-]*0)[\w-]*[a-z-][\w-]*")
_OUTER: Final = re.compile(r"([=,;()\[\]<>\"'`|]|(?<!\$)\{|(?<!\$)\}|->)")
_INNER: Final = re.compile(r"([:{}@/?&!#]|\.{2,})")
_DOTTED: Final = re.compile(r"[A-Za-z_$*][\w$*-]*(?:\.[\w$*-]+){2,}")
_HEX_WORD: Final = re.compile(r"[a-f]{8,}|[A-F]{8,}")
_WORD_DOT_NUMBER: Final = re.compile(r"([A-Za-z_-]+)\.0")
_HOST_PATTERN: Final = (
    r"[a-z-]+(?:\.[a-z-]+)*\."
    r"(?:com|net|org|edu|gov|mil|io|de|fr|uk|us|jp|cn|hk|ru|br|nl|eu|au|ca|ch|se|es|pl|kr|tw"
    r"|at|be|cz|dk|fi|ie|it|mx|nz|pt|ai|biz|cloud|co|dev|info|tech|tv|xyz"
    r"|example|local|internal|lan|localdomain|corp)"
)
# A file of data; one of code is as often a module that speaks.
_FILE: Final = re.compile(
    r"[\w-]+(?:\.[\w-]+)*\.(?:bak|bin|cfg|conf|crt|csv|dat|db|docx?|gif|gz|html?|ini|jpe?g|json|log|md"
    r"|parquet|pdf|pem|png|sock|sql|sqlite|svg|tar|tgz|tmp|toml|txt|xlsx?|xml|xz|ya?ml|zip|zst)"
)
# What Amazon's clouds call a thing.
_ARN: Final = re.compile(r"(?<![\w.-])arn:[a-z-]+:[^\s\"'<>,;()\[\]{}|=]+")
# What systemd runs.
_UNIT_FILE: Final = re.compile(
    r"[\w:@.\\-]+\.(?:service|socket|timer|mount|automount|swap|target|slice|scope|device)"
)
_HOST: Final = re.compile(_HOST_PATTERN)
_LONE_COLON: Final = re.compile(r":(?!:)")
# Host and port, file and line.
_PLACE: Final = re.compile(
    rf"(?:{_HOST_PATTERN}|[\w-]+(?:\.[\w-]+){{2,}}"
    r"|[\w-]+\.(?:c|cc|cpp|cs|go|h|java|js|kt|php|py|rb|rs|scala|ts)):0"
)
_MAILBOX: Final = re.compile(r"[\w.+-]+@[A-Za-z][A-Za-z.-]*")
_LINE_NUMBER: Final = re.compile(r"(?::0){1,2}$")
_NAMED_PATH: Final = re.compile(r"([A-Za-z_-]+:)(/[^/].*)")
_PERCENT: Final = re.compile(r"[+-]?[0.]+%")
_ADJACENT: Final = re.compile(r"<\*>(?:[.:#/@,]<\*>)+")
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
    if "]:0" in token:
        token = _BRACKETED_ADDRESS.sub(_PLAIN_ADDRESS, token)
    if token.isalnum():
        return _mask_alphanumeric(token)
    without_opening = token.lstrip(_OPENING)
    core = without_opening.rstrip(_CLOSING)
    if not core:
        return f"({WILDCARD})" if token == "()" else token  # noqa: S105 (a token of text)
    opening = token[: len(token) - len(without_opening)]
    closing = without_opening[len(core) :]
    if "}" in core and opening.endswith("{"):
        opening, core = opening[:-1], "{" + core
    return opening + _mask_core(core, is_first=is_first) + closing


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
    if "arn:" in rest:
        rest = _ARN.sub(WILDCARD, rest)
    if "://" in rest:
        rest = _URL.sub(_mask_url, rest)
    if "?" in rest:
        rest = _PATH_AND_QUERY.sub(WILDCARD, rest)
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
        return DATE
    if _TIME_TOKEN.fullmatch(core):
        return TIME
    if _is_address(core):
        return WILDCARD
    if "." in core and _UNIT_FILE.fullmatch(core):
        return WILDCARD
    return f"HTTP/{WILDCARD}" if _HTTP_VERSION.fullmatch(core) else None


def _mask_url(url: re.Match[str]) -> str:
    scheme = url.group(1)
    return WILDCARD if scheme in ("http", "https") else f"{scheme}://{WILDCARD}"


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
    location = _mask_location(_LINE_NUMBER.sub("", part) if part.endswith(":0") else part)
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
    """Return the mask of an absolute path or a relative path with dots, else None."""
    if "/" not in core and "\\" not in core:
        return None
    if _PATH.fullmatch(core):
        return f"/{WILDCARD}" if _ADDRESS.fullmatch(core[1:]) else WILDCARD
    if _RELATIVE_PATH.fullmatch(core) and (
        core.count("/") > 1 or "." in core or _NAMESPACED_ID.fullmatch(core)
    ):
        return WILDCARD
    return None


def _mask_piece(piece: str, *, is_first: bool) -> str:
    if "0" not in piece:
        if "." not in piece:
            return WILDCARD if _HEX_WORD.fullmatch(piece) else piece
        if _HOST.fullmatch(piece) or _FILE.fullmatch(piece):
            return WILDCARD
        return WILDCARD if _is_name(piece) and not is_first else piece
    if _PERCENT.fullmatch(piece):
        return f"{WILDCARD}%"
    word_dot_number = _WORD_DOT_NUMBER.fullmatch(piece)
    return f"{word_dot_number.group(1)}.{WILDCARD}" if word_dot_number else WILDCARD


def _is_name(piece: str) -> bool:
    """Say whether a piece with dots is a package, a class or the like, no exception."""
    return not is_exception_name(piece) and _DOTTED.fullmatch(piece) is not None
