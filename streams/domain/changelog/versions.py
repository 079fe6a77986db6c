"""Tag names as versions: order, series, pre-releases, the next one."""

import re
from collections.abc import Set
from typing import Final, Literal

import msgspec

Level = Literal["none", "patch", "minor", "major"]
_HIGHEST_FIRST: Final[tuple[Level, ...]] = ("major", "minor", "patch")

_DOTTED: Final = re.compile(r"(?<![0-9.])[0-9]{1,9}(?:\.[0-9]{1,9})+")
_PLAIN: Final = re.compile(r"(?:[vV]|.*[-_@/ ][vV]?)?([0-9]{1,9})\Z")
_TOKEN: Final = re.compile(r"[0-9]{1,18}|[A-Za-z]+")
_STABLE_SUFFIXES: Final = frozenset({"", "final", "ga", "release", "post", "sp"})
_NO_SERIES: Final = frozenset({"", "v", "version", "ver", "release", "releases", "rel", "r"})
_DEV: Final = "dev"


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version read from a tag; `series` tells the packages of a repository apart."""

    series: str
    prefix: str
    numbers: tuple[int, ...]
    pre: tuple[tuple[int, int, str], ...]
    text: str

    @property
    def is_stable(self) -> bool:
        """Whether it is not a pre-release."""
        return not self.pre

    @property
    def key(self) -> tuple[tuple[int, ...], bool, tuple[tuple[int, int, str], ...]]:
        """What versions of one series are ordered by; 1.2 and 1.2.0 are equal."""
        numbers = self.numbers
        while len(numbers) > 1 and numbers[-1] == 0:
            numbers = numbers[:-1]
        return numbers, self.is_stable, self.pre


def highest_level(levels: Set[Level]) -> Level:
    """Return the highest of the levels, `none` without any."""
    for level in _HIGHEST_FIRST:
        if level in levels:
            return level
    return "none"


def parse_version(tag: str) -> Version | None:
    """Return the version a tag names (`v1.2.3`, `pkg@1.0.0-beta.1`, `6.0.0rc1`), None if none."""
    match = _DOTTED.search(tag)
    start, end = match.span() if match else (0, 0)
    if match is None:
        plain = _PLAIN.match(tag)
        if plain is None:
            return None
        start, end = plain.span(1)
    prefix, suffix = tag[:start], tag[end:]
    if suffix[:1] == "." and not suffix[1:2].isalpha():
        return None
    return Version(
        series=_series(prefix),
        prefix=prefix,
        numbers=tuple(int(number) for number in tag[start:end].split(".")),
        pre=_pre_release(suffix),
        text=tag[start:],
    )


def next_version(version: Version, level: Level) -> str:
    """Return the text of the version that follows a stable one.

    Below 1.0 a breaking change raises the second number. A version of two numbers stays one of
    two unless its patch is raised.
    """
    major, minor, patch = (*version.numbers, 0, 0)[:3]
    if level == "major" and major > 0:
        major, minor, patch = major + 1, 0, 0
    elif level in {"major", "minor"}:
        minor, patch = minor + 1, 0
    else:
        patch += 1
    numbers = [major, minor, patch]
    if len(version.numbers) == 2 and patch == 0:
        numbers = numbers[:2]
    return ".".join(str(number) for number in numbers)


def looks_calendar(version: Version, year: int | None) -> bool:
    """Return whether the first number is the year the version was released in: 2024.1, 24.04."""
    first = version.numbers[0]
    if year is None or len(version.numbers) < 2:
        return False
    return first == year or (first >= 10 and first == year % 100)


def _series(prefix: str) -> str:
    words = prefix.rstrip("vV") if prefix[-2:-1] in {"", "-", "_", "@", "/", " "} else prefix
    name = words.rstrip("-_@/. ")
    return "" if name.lower() in _NO_SERIES else name


def _pre_release(suffix: str) -> tuple[tuple[int, int, str], ...]:
    """Return the sort key of a pre-release suffix, empty for a stable one."""
    tokens = _TOKEN.findall(suffix.partition("+")[0])
    if not tokens or tokens[0].lower() in _STABLE_SUFFIXES:
        return ()
    keys: list[tuple[int, int, str]] = []
    for token in tokens:
        word = token.lower()
        if word.isdigit():
            keys.append((0, int(word), ""))
        else:
            # 1.0.dev1 comes before 1.0a1.
            keys.append((1, 0 if word == _DEV else 1, "" if word == _DEV else word))
    return tuple(keys)
