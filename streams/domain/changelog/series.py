"""The releases of each series in version order: what came before a release."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from streams.domain.changelog.lineage import Lineage
from streams.domain.changelog.tags import Boundary
from streams.domain.changelog.versions import Version, looks_calendar

_FEWEST_CALENDAR: Final = 2


class SeriesIndex:
    """Answers which earlier release of the same series a release descends from."""

    def __init__(
        self, boundaries: Sequence[Boundary], lineage: Lineage, detached: frozenset[int]
    ) -> None:
        self._boundaries = boundaries
        self._lineage = lineage
        self._detached = detached
        self._calendars: dict[str, bool] = {}
        series: dict[str, list[tuple[Version, int]]] = {}
        for number, boundary in enumerate(boundaries):
            if boundary.version is not None:
                series.setdefault(boundary.version.series, []).append((boundary.version, number))
        self._series = {
            name: sorted(found, key=lambda item: (item[0].key, item[1]))
            for name, found in series.items()
        }
        self._keys = {name: [item[0].key for item in found] for name, found in self._series.items()}

    def previous(self, release: int, *, stable: bool) -> int | None:
        """Return the highest lower version that a release contains, None if there is none.

        A release whose name is no version follows the release just before it.
        """
        boundary = self._boundaries[release]
        if boundary.version is None:
            return self._last_contained(release)
        found = self._series[boundary.version.series]
        place = bisect_left(self._keys[boundary.version.series], boundary.version.key)
        for version, number in reversed(found[:place]):
            is_wanted = version.is_stable or not stable
            if is_wanted and number < release and self._contains(release, number):
                return number
        return None

    def latest(self, *, stable: bool) -> int | None:
        """Return the highest version of the main series, for what is not released yet.

        The main series is the one that has the plainest name.
        """
        if not self._series:
            return len(self._boundaries) - 1 if self._boundaries and not stable else None
        name = min(self._series, key=lambda name: (len(name), name))
        for version, number in reversed(self._series[name]):
            if version.is_stable or not stable:
                return number
        return None

    def is_calendar(self, series: str) -> bool:
        """Return whether the versions of a series are years, by most of its releases."""
        if series not in self._calendars:
            found = self._series.get(series, [])
            dated = sum(
                looks_calendar(version, _year(self._boundaries[number].timestamp_s))
                for version, number in found
            )
            self._calendars[series] = dated >= _FEWEST_CALENDAR and dated * 2 > len(found)
        return self._calendars[series]

    def _contains(self, release: int, earlier: int) -> bool:
        ours, theirs = self._boundaries[release].head, self._boundaries[earlier].head
        # Without parents nothing contains anything; then the order in time has to do.
        return ours in self._detached or self._lineage.contains(ours, theirs)

    def _last_contained(self, release: int) -> int | None:
        for number in range(release - 1, -1, -1):
            if self._contains(release, number):
                return number
        return None


def _year(timestamp_s: int | None) -> int | None:
    if timestamp_s is None:
        return None
    try:
        return datetime.fromtimestamp(timestamp_s, UTC).year
    except (OverflowError, OSError, ValueError):
        return None
