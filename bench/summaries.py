"""Injection suite: what share of injected incidents ranks first, and how often it cries wolf.

Real log streams are the background; everything is seeded. Run: python -m bench.summaries [-v]

`-v` adds the share that ranks first (or is unusual) for each system and each cut of it.
"""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from time import process_time
from typing import Final

import msgspec

from bench.summary_parameters import run_sticky
from bench.summary_streams import LOGHUB, Stream, load_streams, template_infos
from schemas.severity import ERROR, INFO
from schemas.summaries import WindowSummary
from streams.domain.summaries import (
    DEFAULT_CONFIG,
    TemplateCount,
    WindowCounts,
    rank_findings,
    write_summary,
)
from streams.domain.summaries.counts import sum_by_template
from streams.domain.summaries.events import headline_override

BASELINE: Final = 20
INJECTED: Final = 1_000_000
_NEW_TEXTS: Final = (
    "connection to <*> lost after <*> ms",
    "could not allocate <*> bytes for buffer <*>",
    "checksum mismatch in segment <*>",
    "worker <*> gave up on job <*>",
)

Injection = Callable[[Stream, int, random.Random], tuple[WindowCounts, int] | None]


@dataclass(slots=True)
class Tally:
    """Trials of one kind."""

    trials: int = 0
    first: int = 0
    third: int = 0
    unusual: int = 0
    by_stream: dict[str, list[int]] = field(default_factory=dict)

    def add(self, stream: str, rank: int | None, *, unusual: bool) -> None:
        """Count one trial; `rank` starts at 0."""
        self.trials += 1
        self.first += rank == 0
        self.third += rank is not None and rank < 3
        self.unusual += unusual
        self.by_stream.setdefault(stream, []).append(int(rank == 0))

    def share(self, count: int) -> str:
        """Return the share of the trials as text."""
        return f"{count / self.trials:6.3f}"


def summarize(
    stream: Stream,
    index: int,
    window: WindowCounts,
    previous: WindowSummary | None = None,
) -> WindowSummary:
    """Summarize one window against the up to 20 before it."""
    before = stream.windows[max(0, index - BASELINE) : index]
    texts = {**stream.texts, INJECTED: _NEW_TEXTS[index % len(_NEW_TEXTS)]}
    infos = template_infos([*stream.windows[:index], window], texts)
    return write_summary(rank_findings(window, before, infos, previous), {})


def with_count(window: WindowCounts, added: TemplateCount) -> WindowCounts:
    """Return the window with one more count."""
    return msgspec.structs.replace(window, counts=(*window.counts, added))


def inject_new(severity_number: int, lines: int) -> Injection:
    """Return an injection of a template nobody has seen."""

    def inject(stream: Stream, index: int, _: random.Random) -> tuple[WindowCounts, int] | None:
        added = TemplateCount(template_id=INJECTED, severity_number=severity_number, count=lines)
        return with_count(stream.windows[index], added), INJECTED

    return inject


def inject_spike(factor: int) -> Injection:
    """Return an injection of that many times the usual lines of a template that is always there."""

    def inject(stream: Stream, index: int, rng: random.Random) -> tuple[WindowCounts, int] | None:
        window = stream.windows[index]
        steady = steady_templates(stream, index)
        if not steady:
            return None
        chosen = rng.choice(steady)
        usual = usual_lines(stream, index, chosen)
        spiked = msgspec.structs.replace(usual, count=usual.count * factor)
        return with_count(without(window, chosen), spiked), chosen

    return inject


def inject_gone(stream: Stream, index: int, rng: random.Random) -> tuple[WindowCounts, int] | None:
    """Take all lines of a steady template out of the window."""
    steady = steady_templates(stream, index)
    if not steady:
        return None
    chosen = rng.choice(steady)
    return without(stream.windows[index], chosen), chosen


def without(window: WindowCounts, template_id: int) -> WindowCounts:
    """Return the window without the template's lines."""
    counts = tuple(count for count in window.counts if count.template_id != template_id)
    return msgspec.structs.replace(window, counts=counts)


def usual_lines(stream: Stream, index: int, template_id: int) -> TemplateCount:
    """Return the template's mean count in the windows before, with its last severity."""
    before = stream.windows[max(0, index - BASELINE) : index]
    rows = [c for window in before for c in window.counts if c.template_id == template_id]
    mean = round(sum(row.count for row in rows) / len(before))
    return msgspec.structs.replace(rows[-1], count=mean)


def steady_templates(stream: Stream, index: int) -> list[int]:
    """Return the templates in 95 % of the windows before, with three lines a window or more."""
    before = stream.windows[max(0, index - BASELINE) : index]
    seen = [sum_by_template(window.counts) for window in before]
    keys = sorted({key for counts in seen for key in counts})
    return [
        key
        for key in keys
        if sum(key in counts for counts in seen) >= 0.95 * len(seen)
        and sum(counts.get(key, 0) for counts in seen) >= 3 * len(seen)
    ]


INJECTIONS: Final[dict[str, tuple[Injection, float | None]]] = {
    "new ERROR template, 1 line": (inject_new(ERROR, 1), 0.97),
    "new ERROR template, 3 lines": (inject_new(ERROR, 3), None),
    "new INFO template, 1 line": (inject_new(INFO, 1), None),
    "new INFO template, 5 lines": (inject_new(INFO, 5), None),
    "spike x3": (inject_spike(3), None),
    "spike x5": (inject_spike(5), 0.92),
    "spike x10": (inject_spike(10), None),
    "template gone": (inject_gone, 0.90),
}


def run_injections(streams: list[Stream], rounds: int) -> Iterator[tuple[str, Tally]]:
    """Inject into every window that has a whole baseline before it."""
    for name, (inject, _) in INJECTIONS.items():
        tally = Tally()
        for stream in streams:
            rng = random.Random(f"{name} {stream.name}")
            for _ in range(rounds):
                for index in range(BASELINE, len(stream.windows)):
                    found = inject(stream, index, rng)
                    if found is not None:
                        _try(tally, stream, index, *found)
        yield name, tally


def _try(tally: Tally, stream: Stream, index: int, window: WindowCounts, template_id: int) -> None:
    summary = summarize(stream, index, window)
    ids = [int(finding.template_id) for finding in summary.findings]
    rank = ids.index(template_id) if template_id in ids else None
    is_unusual = rank is not None and summary.findings[rank].score >= DEFAULT_CONFIG.unusual_from
    tally.add(stream.name, rank, unusual=is_unusual)


def run_quiet(streams: list[Stream]) -> Tally:
    """Summarize every window as it is, each with the summary before it."""
    tally = Tally()
    for stream in streams:
        previous = None
        for index, window in enumerate(stream.windows):
            previous = summarize(stream, index, window, previous)
            if index >= BASELINE:
                tally.add(stream.name, 0 if previous.unusual else None, unusual=previous.unusual)
    return tally


def main() -> int:
    if not LOGHUB.exists():
        print(f"skipped: the log samples are not at {LOGHUB}")
        return 0
    started = process_time()
    streams = load_streams()
    show = print_streams if "-v" in sys.argv else skip_streams
    print(f"{'injected':30} {'trials':>7} {'first':>6} {'top 3':>6} {'unusual':>8}  target")
    for name, tally in run_injections(streams, rounds=1):
        print_tally(name, tally)
        show(tally)
    quiet = run_quiet(streams)
    print(f"{'quiet windows':30} {quiet.trials:7} {'':13} {quiet.share(quiet.unusual)}  <= 0.05")
    show(quiet)
    sticky = run_sticky(200)
    print(
        f"{'sticky parameter':30} {sticky.trials:7} precision {sticky.precision:.3f}"
        f" recall {sticky.recall:.3f}  >= 0.95"
    )
    print(f"{'headline_override, one line':30} {headline_us():.2f} us  <= 0.7")
    print(f"CPU {process_time() - started:.1f} s")
    return 0


def headline_us() -> float:
    """Return the microseconds of a plain record's headline, as the agent asks for it."""
    body = "connection to 10.0.0.1:5432 lost after 31 ms, trying again"
    runs = 200_000
    started = process_time()
    for _ in range(runs):
        headline_override(INFO, "INFO", body)
    return (process_time() - started) / runs * 1e6


def print_tally(name: str, tally: Tally) -> None:
    goal = INJECTIONS[name][1]
    target = "" if goal is None else f"first >= {goal}"
    shares = " ".join(map(tally.share, (tally.first, tally.third, tally.unusual)))
    print(f"{name:30} {tally.trials:7} {shares}  {target}")


def print_streams(tally: Tally) -> None:
    """Print the share for each stream."""
    for system, rows in groupby(sorted(tally.by_stream.items()), key=lambda row: row[0].split()[0]):
        cells = [f"{name.split()[1]} {sum(v) / len(v):.2f} ({len(v)})" for name, v in rows]
        print(f"    {system:12} {'   '.join(cells)}")


def skip_streams(_: Tally) -> None:
    """Print nothing."""


if __name__ == "__main__":
    sys.exit(main())
