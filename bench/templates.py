"""Templates: grouping and text scores on eight systems, speed, memory under unique tokens.

All eight systems go through the production code with one configuration. Run:
python -m bench.templates [--tokens N]   (N distinct tokens for the memory test, default 1,000,000)
"""

import argparse
import csv
import importlib.util
import random
import re
import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Final

from streams.domain.templates import ShapeCache, TemplateSet, shape_id
from streams.domain.templates.headers import split_header

SHARED: Final = Path(__file__).resolve().parents[2] / "shared"
SYSTEMS: Final = ("Android", "BGL", "HDFS", "Linux", "OpenSSH", "OpenStack", "Spark", "Windows")
SEED: Final = 5
_TOKENS_PER_LINE: Final = 10

Scorer = Callable[..., dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    # First: the peak of the process must still be its own.
    print_memory(parser.parse_args().tokens)
    if (SHARED / "data" / "loghub").is_dir():
        print_scores(load_scorer())
        print_speeds()
    else:
        print("templates: no scores, the tuning data is not beside this checkout")
    print_resolving()


def load_scorer() -> Scorer:
    spec = importlib.util.spec_from_file_location(
        "eval_logparse", SHARED / "checks" / "eval_logparse.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    scorer: Scorer = module.evaluate
    return scorer


def read_system(system: str) -> tuple[list[dict[str, str]], list[str]]:
    """Return the labelled rows and the raw lines of a system."""
    folder = SHARED / "data" / "loghub" / system
    labelled = folder / f"{system}_2k.log_structured.csv"
    with labelled.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    raw = (folder / f"{system}_2k.log").read_text(encoding="utf-8", errors="replace")
    return rows, [line.rstrip("\r") for line in raw.split("\n")][: len(rows)]


def assign(bodies: Sequence[str]) -> tuple[list[int], list[str], list[int]]:
    """Return the final ids, final texts and first assigned ids of the lines."""
    cache, templates = ShapeCache(), TemplateSet()
    shapes, first = [], []
    for body in bodies:
        shape = cache.shape(body)
        identity = shape_id(None, shape)
        templates.add(identity, shape)
        shapes.append(identity)
        first.append(templates.resolve()[identity].template_id)
    final = templates.resolve()
    return [final[i].template_id for i in shapes], [final[i].text for i in shapes], first


def print_scores(score: Scorer) -> None:
    print(f"{'':10} {'final':^23} | {'as assigned':^13} | {'raw lines':^13}")
    print(f"{'system':10} {'GA':>6} {'FGA':>6} {'FTA':>6}    | {'GA':>6} {'FGA':>6} | GA     FGA")
    table = [_score_system(score, system) for system in SYSTEMS]
    for system, numbers in zip(SYSTEMS, table, strict=True):
        print(_row(system, numbers))
    print(_row("mean", [sum(column) / len(table) for column in zip(*table, strict=True)]))


def _score_system(score: Scorer, system: str) -> list[float]:
    rows, raw = read_system(system)
    truth = [row["EventTemplate"] for row in rows], [row["EventId"] for row in rows]
    ids, texts, first = assign([row["Content"] for row in rows])
    raw_ids, raw_texts, _ = assign([split_header(line)[1] for line in raw])
    final = score(truth[0], texts, truth[1], ids, norm=True)
    assigned = score(truth[0], texts, truth[1], first, norm=True)
    on_raw = score(truth[0], raw_texts, truth[1], raw_ids, norm=True)
    return [
        *(final[key] for key in ("GA", "FGA", "FTA")),
        *(numbers[key] for numbers in (assigned, on_raw) for key in ("GA", "FGA")),
    ]


def _row(name: str, n: Sequence[float]) -> str:
    return (
        f"{name:10} {n[0]:6.3f} {n[1]:6.3f} {n[2]:6.3f}    "
        f"| {n[3]:6.3f} {n[4]:6.3f} | {n[5]:6.3f} {n[6]:6.3f}"
    )


def print_speeds() -> None:
    systems = [read_system(system) for system in SYSTEMS]
    bodies = [row["Content"] for rows, _ in systems for row in rows]
    raw = [line for _, lines in systems for line in lines]
    _print_speed("known bodies", bodies * 4, ShapeCache().shape)
    _print_speed("bodies, ids drawn anew", list(_with_new_ids(bodies)), ShapeCache().shape)
    with_header = ShapeCache()
    _print_speed("raw lines", raw * 2, lambda line: with_header.shape(split_header(line)[1]))


def _with_new_ids(bodies: Sequence[str]) -> Iterator[str]:
    rng = random.Random(SEED)
    for body in [*bodies] * 4:
        yield re.sub(r"[0-9a-f]{5,}", lambda m: f"{rng.getrandbits(4 * len(m[0])):x}", body)


def _print_speed(name: str, lines: Sequence[str], shape: Callable[[str], str]) -> None:
    start = process_time()
    for line in lines:
        shape(line)
    taken = process_time() - start
    length = sum(map(len, lines)) / len(lines)
    print(f"{name:24} {len(lines) / taken:9,.0f} lines per core-second (mean {length:.0f} chars)")


def print_resolving() -> None:
    rng = random.Random(SEED)
    words = ["".join(rng.choices("abcdefghijklmnop", k=6)) for _ in range(3_000)]
    shapes = [" ".join(rng.choices(words, k=rng.randrange(3, 15))) for _ in range(10_000)]
    templates = TemplateSet()
    start = process_time()
    for shape in shapes:
        templates.add(shape_id(None, shape), shape)
    templates.resolve()
    print(f"resolve {len(templates):,} shapes      {process_time() - start:.2f} core-seconds")


def print_memory(tokens: int) -> None:
    """Feed lines of words that never come again and say how much the process grew."""
    cache = ShapeCache()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    letters = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")
    start = process_time()
    for number in range(0, tokens, _TOKENS_PER_LINE):
        line = " ".join(f"{number + i:08x}" for i in range(_TOKENS_PER_LINE))
        cache.shape(line.translate(letters))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    speed = tokens / _TOKENS_PER_LINE / (process_time() - start)
    print(
        f"{tokens:,} distinct tokens: grew {grown:.0f} MiB, "
        f"{cache.entry_count():,} entries, {speed:,.0f} lines per core-second"
    )


if __name__ == "__main__":
    main()
