"""Where a raw log line's header ends: time, host, process, level, logger, in any known order."""

import re
from typing import Final

from streams.domain.templates.lexicon import MONTH, WEEKDAY, is_status_word

_MAX_HEADER_CHARS: Final = 400
# Tokens of the header that may stand before its first time stamp.
_MAX_LEADING_TOKENS: Final = 5
# No header looked at has more parts; each step consumes one.
_MAX_STEPS: Final = 24

_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,:][0-9]{1,9})?)?"
_STAMP: Final = "|".join(
    (
        r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[T _:-]{1,3}[0-9]{1,2}[:.][0-9]{2}[:.][0-9]{2}"
        r"(?:[.,:][0-9]{1,9})?",
        rf"[0-9]{{1,2}}[-/.][0-9]{{1,2}}(?:[-/.][0-9]{{2,4}})?[T ,]{{1,2}}{_CLOCK}(?: [AP]M)?",
        rf"[0-9]{{8}}[-T _]{_CLOCK}",
        r"[0-9]{6} [0-9]{6}",
        rf"[0-9]{{1,2}}[/ -]{MONTH}[/ -][0-9]{{4}}[: ]{_CLOCK}",
        rf"(?:{WEEKDAY},? )?{MONTH} {{1,2}}[0-9]{{1,2}},? (?:[0-9]{{4}} )?{_CLOCK}"
        r"(?: [A-Z]{3,4})?(?: [0-9]{4})?",
        rf"[IWEFD][0-9]{{4}} {_CLOCK}",
        r"[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}",
        r"1[0-9]{9}(?:[.][0-9]{1,9}|[0-9]{3})?",
        r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,:][0-9]{1,9})?",
    )
)
_TIME: Final = re.compile(
    rf"[\[(]?(?:{_STAMP})(?: ?(?:Z|UTC|GMT|[+-][0-9]{{2}}:?[0-9]{{2}}))?[\])]?[,:;]?(?=[\s|]|$)"
)
_PRIORITY: Final = re.compile(r"<[0-9]{1,3}>(?:[0-9] )?")
_WORD: Final = re.compile(r"[a-z]+\s+")
# Opaque tokens that must come first, so that plain words may follow them.
_MIN_OPAQUE: Final = 2
_LEADING: Final = re.compile(r"(?:-|[A-Z_]+|(?=[^\s\"']*[0-9._])[^\s\"']+)\s+")
_LEVEL: Final = re.compile(
    r"[\[(<]?(?:TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT"
    r"|ALERT|EMERG|FATAL|PANIC|Note|FINE|FINER|FINEST|CONFIG|LOG|VERBOSE"
    r"|Trace|Debug|Info|Information|Notice|Warn|Warning|Error|Critical|Fatal"
    r"|trace|debug|info|notice|warn|error|crit|alert|emerg|fatal)(?:/[\w-]+(?=\]))?[\])>]?[:,]?(?=[\s|]|$)"
)
_LETTER_LEVEL: Final = re.compile(r"[VDIWEFT](?=\s+[\w.$-]+\s*:)")
_MARK: Final = re.compile(r"(?:-{1,2}|\||:|\*)(?=\s)")
_NUMBER: Final = re.compile(r"[\[(]?(?:0x)?[0-9]+(?:[#:-][0-9]+)*[\])]?[:,]?(?=[\s|]|$)")
_PROCESS_NUMBER: Final = re.compile(r"[0-9]+(?:#[0-9]+:| --- \[[^\]]*\])(?=\s)")
_BRACKETS: Final = re.compile(r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]:?(?=\s)")
_FIELDS: Final = re.compile(r"(?:\|[\w.$-]+){0,2}\|")
_NAMED_PROCESS: Final = (
    r"[\w./-]+(?:\([^()\s]*\))?(?:\[[^\[\]\s]*\])?(?: \([^()]{0,100}\))?:(?=\s|$)"
)
_PROCESS: Final = re.compile(_NAMED_PROCESS)
_LOGGER: Final = re.compile(
    r"(?:(?:[A-Za-z_][\w-]*|(?=\.))(?:[.$/][\w$<>*-]+)+|[A-Z]\w*[a-z]\w*|[\w.-]+\[[0-9]+\])"
    r"(?:\.\w+)?(?::[0-9]+)?\s*:(?=\s|$)|[\w./-]+:[0-9]+\](?=\s)"
)
_NAME_AND_DASH: Final = re.compile(r"([\w.$:/@-]+)(?: \*?[\w.]+)? -(?=\s)")
_PLAIN_LOGGER: Final = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+(?=\s+\[|\s{2,})|[A-Z]{2,10}(?=\s{2,})")
_HOST_BEFORE_PROCESS: Final = re.compile(rf"[^\s:\"']+\s+(?=(?:-- )?{_NAMED_PROCESS})")
_SPACE: Final = re.compile(r"[\s|]*")


def split_header(line: str) -> tuple[str, str]:
    """Return (header, body) of a raw line; the header is empty when none is recognised.

    A header is known by a time stamp among its first tokens and ends within 400 characters.
    """
    head = line[:_MAX_HEADER_CHARS]
    start = _first_time(head)
    if start is None:
        return "", line
    end = _Scanner(head, start).scan()
    body = line[end:]
    return (line[:end].rstrip(), body) if body.strip() else ("", line)


def _first_time(line: str) -> int | None:
    """Return where the first time stamp starts: at most a few opaque tokens precede it."""
    priority = _PRIORITY.match(line)
    position = priority.end() if priority else 0
    for count in range(_MAX_LEADING_TOKENS + 1):
        if _TIME.match(line, position):
            return position
        leading = _LEADING.match(line, position)
        if leading is None and count >= _MIN_OPAQUE:
            leading = _WORD.match(line, position)
        if leading is None:
            return None
        position = leading.end()
    return None


class _Scanner:
    """Consumes header parts from left to right until what follows is the message."""

    def __init__(self, line: str, position: int) -> None:
        self.line = line
        self.position = position
        self.has_level = False
        self.has_logger = False
        self.is_done = False

    def scan(self) -> int:
        """Return the position of the first character of the message."""
        for _ in range(_MAX_STEPS):
            if self.is_done or not self._step():
                break
            self._skip(_SPACE)
        return self.position

    def _step(self) -> bool:
        if self._skip(_MARK) or self._level():
            return True
        if self.has_logger:
            return False
        if self.has_level:
            return self._skip(_PROCESS_NUMBER) or self._thread() or self._logger_after_level()
        return self._before_level()

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.line, self.position)
        if found is None:
            return False
        self.position = found.end()
        return True

    def _skip_last(self, pattern: re.Pattern[str]) -> bool:
        self.is_done = self._skip(pattern)
        return self.is_done

    def _level(self) -> bool:
        if self.has_level:
            return False
        self.has_level = self._skip(_LEVEL) or self._skip(_LETTER_LEVEL)
        return self.has_level

    def _before_level(self) -> bool:
        return (
            self._time()
            or self._skip(_NUMBER)
            or self._skip(_BRACKETS)
            or self._skip_last(_LOGGER)
            or self._skip_last(_PROCESS)
            or self._name_and_dash()
            or self._jump()
            or self._skip(_HOST_BEFORE_PROCESS)
        )

    def _time(self) -> bool:
        if not self._skip(_TIME):
            return False
        fields = _FIELDS.match(self.line, self.position)
        if fields is not None and fields.end() - self.position > 1:
            self.position = fields.end()
            self.is_done = True
        return True

    def _thread(self) -> bool:
        """Consume a thread or request id after the level, if a name or a mark follows it."""
        found = _BRACKETS.match(self.line, self.position)
        if found is None:
            return False
        following = len(self.line) - len(self.line[found.end() :].lstrip())
        if not any(p.match(self.line, following) for p in (_LOGGER, _MARK, _NAME_AND_DASH)):
            return False
        self.position = found.end()
        return True

    def _logger_after_level(self) -> bool:
        if self._skip_last(_LOGGER):
            return True
        if self._skip_last(_PLAIN_LOGGER):
            self._skip(_SPACE)
            self._skip(_BRACKETS)
            return True
        return self._name_and_dash()

    def _name_and_dash(self) -> bool:
        found = _NAME_AND_DASH.match(self.line, self.position)
        if found is None or is_status_word(found.group(1)):
            return False
        self.position = found.end()
        self.has_logger = True
        return True

    def _jump(self) -> bool:
        """Consume up to a level or time that stands a few opaque words further on."""
        position = self.position
        for _ in range(_MAX_LEADING_TOKENS):
            leading = _LEADING.match(self.line, position)
            if leading is None:
                return False
            position = leading.end()
            if _LEVEL.match(self.line, position) or _TIME.match(self.line, position):
                self.position = position
                return True
        return False
