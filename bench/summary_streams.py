"""Real log streams cut into windows: the background that the injection suite works on."""

import csv
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from schemas.severity import DEBUG, ERROR, FATAL, INFO, TRACE, UNSPECIFIED, WARN
from streams.domain.summaries import TemplateCount, TemplateInfo, WindowCounts
from streams.domain.windows import DEFAULT_WIDTH_NS

LOGHUB: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "loghub"

# System, the columns of its time, and their format.
SYSTEMS: Final = {
    "Android": ("Date Time", "%m-%d %H:%M:%S.%f"),
    "BGL": ("Time", "%Y-%m-%d-%H.%M.%S.%f"),
    "HDFS": ("Date Time", "%y%m%d %H%M%S"),
    "Linux": ("Month Date Time", "%b %d %H:%M:%S"),
    "OpenSSH": ("Date Day Time", "%b %d %H:%M:%S"),
    "OpenStack": ("Date Time", "%Y-%m-%d %H:%M:%S.%f"),
    "Spark": ("Date Time", "%y/%m/%d %H:%M:%S"),
    "Windows": ("Date Time", "%Y-%m-%d %H:%M:%S"),
}
_LEVELS: Final = {
    "V": TRACE, "D": DEBUG, "I": INFO, "W": WARN, "E": ERROR, "F": FATAL,
    "INFO": INFO, "WARN": WARN, "WARNING": WARN, "ERROR": ERROR, "SEVERE": ERROR, "FATAL": FATAL,
}  # fmt: skip

DENSE_LINES: Final = 700
DENSE_RUN: Final = 10
WINDOWS: Final = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a system's sample, with the template its authors gave it."""

    seconds: float
    template_id: int
    severity_number: int


@dataclass(frozen=True, slots=True)
class Stream:
    """One service's windows, oldest first, and its templates' texts."""

    name: str
    windows: list[WindowCounts]
    texts: dict[int, str]


def load_streams() -> list[Stream]:
    """Return each system in three cuts: in order, by the clock, and dense (resampled runs)."""
    streams = []
    for system in SYSTEMS:
        lines, texts = _load(system)
        for name, windows in (
            ("order", _in_order(lines)),
            ("clock", _by_clock(lines)),
            ("dense", _dense(lines, random.Random(f"dense {system}"))),
        ):
            streams.append(Stream(f"{system} {name}", windows, texts))
    return streams


def _load(system: str) -> tuple[list[Line], dict[int, str]]:
    columns, time_format = SYSTEMS[system]
    path = LOGHUB / system / f"{system}_2k.log_structured.csv"
    lines = []
    texts: dict[int, str] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            seconds = _seconds(" ".join(row[column] for column in columns.split()), time_format)
            template_id = int(row["EventId"].removeprefix("E"))
            texts[template_id] = row["EventTemplate"]
            severity = _LEVELS.get((row.get("Level") or "").upper(), UNSPECIFIED)
            lines.append(Line(seconds, template_id, severity))
    return lines, texts


def _seconds(text: str, time_format: str) -> float:
    """Return a time without zone as UTC; in a leap year where the format has no year."""
    if "%y" not in time_format.lower():
        text, time_format = f"2004 {text}", f"%Y {time_format}"
    return datetime.strptime(f"{text} +0000", f"{time_format} %z").timestamp()


def counted(index: int, lines: Iterable[Line]) -> WindowCounts:
    """Return the counts of the lines as window number `index`."""
    counts = Counter((line.template_id, line.severity_number) for line in lines)
    return WindowCounts(
        service="bench",
        start_ns=index * DEFAULT_WIDTH_NS,
        end_ns=(index + 1) * DEFAULT_WIDTH_NS,
        counts=tuple(
            TemplateCount(template_id=template_id, severity_number=severity, count=count)
            for (template_id, severity), count in sorted(counts.items())
        ),
    )


def template_infos(
    windows: Sequence[WindowCounts], texts: dict[int, str]
) -> dict[int, TemplateInfo]:
    """Return what is known of every template in the windows."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for window in windows:
        for count in window.counts:
            first.setdefault(count.template_id, window.start_ns)
            last[count.template_id] = window.start_ns
    return {
        template_id: TemplateInfo(
            template_id=template_id,
            text=texts[template_id],
            first_seen_ns=first[template_id],
            last_seen_ns=last[template_id],
        )
        for template_id in first
    }


def _in_order(lines: list[Line]) -> list[WindowCounts]:
    """Cut equally many lines a window: the real order and bursts, a steady volume."""
    size = len(lines) // WINDOWS
    return [counted(i, lines[i * size : (i + 1) * size]) for i in range(WINDOWS)]


def _by_clock(lines: list[Line]) -> list[WindowCounts]:
    """Cut equally long windows: the real volume too."""
    first = min(line.seconds for line in lines)
    width = (max(line.seconds for line in lines) - first) / WINDOWS
    cut: list[list[Line]] = [[] for _ in range(WINDOWS + 1)]
    for line in lines:
        cut[int((line.seconds - first) / width)].append(line)
    return [counted(i, part) for i, part in enumerate(cut[:WINDOWS])]


def _dense(lines: list[Line], rng: random.Random) -> list[WindowCounts]:
    """Draw runs of consecutive lines, as many as a busy service has, in a changing volume."""
    windows = []
    for index in range(WINDOWS):
        runs = max(round(DENSE_LINES / DENSE_RUN * rng.lognormvariate(0.0, 0.3)), 1)
        drawn: list[Line] = []
        for _ in range(runs):
            start = rng.randrange(len(lines) - DENSE_RUN)
            drawn.extend(lines[start : start + DENSE_RUN])
        windows.append(counted(index, drawn))
    return windows
