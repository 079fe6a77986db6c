"""Hide credentials in text that people will read, in time linear in the text."""

import re
from typing import Final

MASK: Final = "***"

_WILDCARD: Final = "<*>"

# Every pattern is anchored on a literal word and bounded, so that no input makes it backtrack.
_KEYED: Final = re.compile(
    r"""(?P<name>(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|access[_-]?key"""
    r"""|private[_-]?key|credentials?|authorization|session[_-]?id|client[_-]?secret|cookie)"""
    r"""["']?\s{0,3}[=:]\s{0,3})(?P<scheme>(?:bearer|basic|digest|negotiate|token)\s{1,3})?"""
    r"""(?P<value>"[^"\n]{1,4096}"|'[^'\n]{1,4096}'|[^\s"',;&)\]}]{1,4096})""",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(
    r"\b(?P<name>(?:bearer|basic)\s{1,3})(?P<value>[A-Za-z0-9._~+/=-]{8,4096})", re.IGNORECASE
)
_URL_PASSWORD: Final = re.compile(r"(?P<name>://[^\s/:@]{0,256}:)(?P<value>[^\s/@]{1,256})(?=@)")
_SHAPES: Final = re.compile(
    r"\b(?:(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"
    r"|eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{0,2048}"
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,255}|sk_live_[A-Za-z0-9]{10,255}|AIza[A-Za-z0-9_-]{35})"
)
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_PRIVATE_KEY_END: Final = "PRIVATE KEY-----"


def mask_secrets(text: str) -> str:
    """Return the text with passwords, tokens, keys and cookies replaced by `***`."""
    text = _mask_private_keys(text)
    text = _URL_PASSWORD.sub(_keep_name, text)
    text = _KEYED.sub(_keep_name, text)
    text = _SCHEME.sub(_keep_name, text)
    return _SHAPES.sub(MASK, text)


def _keep_name(match: re.Match[str]) -> str:
    if match["value"].startswith(_WILDCARD):
        return match[0]
    scheme = match.groupdict().get("scheme") or ""
    return f"{match['name']}{scheme}{MASK}"


def _mask_private_keys(text: str) -> str:
    """Replace each PEM private key, up to its end line or, cut short, to the end of the text."""
    kept = []
    position = 0
    while found := _PRIVATE_KEY.search(text, position):
        kept.append(text[position : found.start()] + MASK)
        end = text.find(_PRIVATE_KEY_END, found.end())
        position = len(text) if end < 0 else end + len(_PRIVATE_KEY_END)
    return "".join(kept) + text[position:]
