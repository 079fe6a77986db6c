"""Triage quality on the tuning data, measured on the code behind `aiops try triage`.

Run `python -m bench.triage [NAME ...]`; without names every measurement is taken. The data lies
beside the checkout (`shared/data/tickets`). Times are CPU seconds of this process. Lines go through
`TriageBench`, as the command's do.
"""

import csv
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from aiops.workbench.triage import TriageBench
from streams.domain.triage.config import TriageConfig
from tests.shared_data import SHARED

FOLDS: Final = 5
LAST: Final = 1_000
EARLY: Final = 300
SURE: Final = 0.9

Line = dict[str, Any]


class Answer(NamedTuple):
    """What a line was answered, and what would have been right."""

    value: str | None
    confidence: float
    label: str

    @property
    def is_right(self) -> bool:
        """Tell whether the answer was right."""
        return self.value == self.label


def main() -> None:
    names = sys.argv[1:] or list(MEASUREMENTS)
    for name in names:
        started = time.process_time()
        for figure, value, target in MEASUREMENTS[name]():
            print(f"{name:12} {figure:34} {value:8.3f}   target {target}", flush=True)
        print(f"{name:12} {'CPU seconds':34} {time.process_time() - started:8.1f}", flush=True)


Figures = Iterable[tuple[str, float, str]]


def openoffice() -> Figures:
    """The product of each report, in order of arrival."""
    lines = [
        {
            "title": row["title"],
            "project": "openoffice",
            "meta": {name: row[name] for name in ("reporter", "os", "platform")},
            "labels": {"product": row["product"]},
        }
        for row in read_rows("bugzilla_openoffice_stream.csv")
    ]
    answers = _stream(lines, "product")
    yield from _stream_figures(answers, whole=">= 0.61", last=">= 0.635")


def itsm() -> Figures:
    """The topic of each help desk ticket, in a seed-0 permutation."""
    answers = _stream(_itsm_lines(), "category")
    yield from _stream_figures(answers, whole=">= 0.78", last=">= 0.81")


def endava() -> Figures:
    """Four more fields of the help desk, one learned at a time with the others."""
    rows = permuted(read_rows("helpdesk_endava_5431.csv"))
    for field in ("category", "business_service", "urgency"):
        lines = [
            {"title": row["title"], "body": row["body"], "labels": {field: row[field]}}
            for row in rows
        ]
        for figure, value, target in _stream_figures(_stream(lines, field), whole="", last=""):
            yield f"{field} {figure}", value, target


def banking() -> Figures:
    """77 intents: a stream, and the share right on held-out messages, by training order."""
    lines = [
        {"title": row["text"], "labels": {"intent": row["category"]}}
        for row in read_rows("intent_banking77_train.csv")
    ]
    mixed = permuted(lines)
    yield from _stream_figures(_stream(mixed[:6_000], "intent"), whole="", last="")
    train, test = mixed[:8_000], mixed[8_000:]
    yield "held out, full", _accuracy(_train_and_test(train, test, "intent")), ">= 0.905"
    ordered = sorted(train, key=_label_of("intent"))
    yield "held out, full, sorted by label", _accuracy(_train_and_test(ordered, test, "intent")), ""
    few = _first_of_each(train, "intent", 10)
    yield "held out, ten per label", _accuracy(_train_and_test(few, test, "intent")), ">= 0.74"
    ordered = sorted(few, key=_label_of("intent"))
    yield "ten per label, sorted by label", _accuracy(_train_and_test(ordered, test, "intent")), ""


def issue_types() -> Figures:
    """Bug, feature or question in five projects: folds of the given half; and without a label."""
    lines = [
        {
            "title": row["title"],
            "body": row["body"],
            "project": row["repo"],
            "labels": {"category": row["label"]},
        }
        for row in read_rows("issue_type_nlbse24_train.csv")
    ]
    for order, arranged in (("mixed", permuted(lines)), ("sorted by label", lines)):
        answers = _cross_validate(arranged)
        yield f"mean F1 over projects, {order}", _mean_f1(answers), ">= 0.81 on the other half"
    bench = _bench("category")
    cold = [_ask(bench, line, "category") for line in lines]
    yield "macro F1 without any label", _macro_f1(cold), ">= 0.62"
    yield "first 25 after four other projects", _first_after_others(lines), ">= 0.72"


def duplicates() -> Figures:
    """An earlier member of a duplicate's group among the first five."""
    for name, target in (("hadoop", ">= 0.83"), ("seamonkey", ">= 0.85")):
        ranks = _duplicate_ranks(name)
        for depth in (1, 5, 10):
            found = sum(rank < depth for rank in ranks) / len(ranks)
            yield f"{name} R@{depth} ({len(ranks)})", found, target if depth == 5 else ""


def corrections() -> Figures:
    """A corrected ticket asked again; and the confidence without the strongest reasons."""
    bench = _bench("category")
    held, lowered, asked = 0, 0, 0
    lines = _itsm_lines()[:1_500]
    for line in lines:
        _ask(bench, line, "category")
        _teach(bench, line)
        held += _ask(bench, line, "category").is_right
    for line in lines[-500:]:
        field = _output(bench, line)["fields"]["category"]
        removed = {r["term"] for r in field["reasons"][:3] if r["kind"] == "term"}
        words = [word for word in line["title"].split() if word not in removed]
        again = _output(bench, {**line, "title": " ".join(words)})["fields"]["category"]
        shares = dict(again["top"])
        lowered += shares.get(field["value"], 0.0) < field["confidence"]
        asked += 1
    yield "corrected and asked again", held / len(lines), "1.0"
    yield "confidence lower without top 3", lowered / asked, ">= 0.95"


MEASUREMENTS: Final[dict[str, Callable[[], Figures]]] = {
    "openoffice": openoffice,
    "itsm": itsm,
    "endava": endava,
    "banking": banking,
    "issue_types": issue_types,
    "duplicates": duplicates,
    "corrections": corrections,
}


def read_rows(name: str) -> list[dict[str, str]]:
    csv.field_size_limit(1 << 30)
    with (SHARED / "data" / "tickets" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def permuted(items: Sequence[Any]) -> list[Any]:
    return [items[i] for i in np.random.default_rng(0).permutation(len(items)).tolist()]


def _itsm_lines() -> list[Line]:
    return [
        {"title": row["Document"], "labels": {"category": row["Topic_group"]}}
        for row in permuted(read_rows("helpdesk_topic_3805.csv"))
    ]


def _bench(field: str, *, similar: int = 0) -> TriageBench:
    return TriageBench(TriageConfig(), fields=(field,), similar_count=similar)


def _output(bench: TriageBench, line: Line) -> dict[str, Any]:
    output, _ = bench.answer(json.dumps({**line, "labels": None}).encode())
    plain: Line = json.loads(msgspec.json.encode(output))
    return plain


def _ask(bench: TriageBench, line: Line, field: str) -> Answer:
    output, _ = bench.answer(json.dumps({**line, "labels": None}).encode())
    answer = output["fields"][field]
    return Answer(answer["value"], answer["confidence"], line["labels"][field])


def _teach(bench: TriageBench, line: Line) -> None:
    _, feedback = bench.answer(json.dumps(line).encode())
    if feedback is not None:
        bench.model.learn(feedback)


def _stream(lines: Sequence[Line], field: str) -> list[Answer]:
    """Answer each line, then learn from it."""
    bench = _bench(field)
    answers = []
    for line in lines:
        output, feedback = bench.answer(json.dumps(line).encode())
        answer = output["fields"][field]
        answers.append(Answer(answer["value"], answer["confidence"], line["labels"][field]))
        if feedback is not None:
            bench.model.learn(feedback)
    return answers


def _stream_figures(answers: list[Answer], *, whole: str, last: str) -> Figures:
    later = answers[EARLY:]
    sure = [answer for answer in later if answer.confidence >= SURE]
    yield "right, whole", _accuracy(answers), whole
    yield "right, last 1,000", _accuracy(answers[-LAST:]), last
    yield "calibration error after 300", _calibration_error(later), "<= 0.03"
    yield "right at >= .9", _accuracy(sure) if sure else float("nan"), ">= 0.93"
    yield "share at >= .9", len(sure) / len(later), ""


def _accuracy(answers: Sequence[Answer]) -> float:
    return sum(answer.is_right for answer in answers) / max(1, len(answers))


def _calibration_error(answers: Sequence[Answer]) -> float:
    bins: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        bins[min(9, int(answer.confidence * 10))].append(answer)
    return sum(
        abs(sum(a.confidence for a in members) - sum(a.is_right for a in members))
        for members in bins.values()
    ) / len(answers)


def _train_and_test(train: Sequence[Line], test: Sequence[Line], field: str) -> list[Answer]:
    bench = _bench(field)
    for line in train:
        _teach(bench, line)
    return [_ask(bench, line, field) for line in test]


def _label_of(field: str) -> Callable[[Line], str]:
    return lambda line: str(line["labels"][field])


def _first_of_each(lines: Sequence[Line], field: str, count: int) -> list[Line]:
    seen: Counter[str] = Counter()
    chosen = []
    for line in lines:
        label = line["labels"][field]
        seen[label] += 1
        if seen[label] <= count:
            chosen.append(line)
    return chosen


def _cross_validate(lines: Sequence[Line]) -> dict[str, list[Answer]]:
    """Train on four fifths of all projects, ask for the rest of them; folds even in labels."""
    seen: Counter[tuple[str, str]] = Counter()
    folds = []
    for line in lines:
        key = (line["project"], line["labels"]["category"])
        seen[key] += 1
        folds.append(seen[key] % FOLDS)
    answers: dict[str, list[Answer]] = defaultdict(list)
    for fold in range(FOLDS):
        train = [line for line, f in zip(lines, folds, strict=True) if f != fold]
        test = [line for line, f in zip(lines, folds, strict=True) if f == fold]
        for line, answer in zip(test, _train_and_test(train, test, "category"), strict=True):
            answers[line["project"]].append(answer)
    return answers


def _mean_f1(answers: dict[str, list[Answer]]) -> float:
    return sum(_macro_f1(members) for members in answers.values()) / len(answers)


def _macro_f1(answers: Sequence[Answer]) -> float:
    labels = sorted({answer.label for answer in answers})
    total = 0.0
    for label in labels:
        right = sum(answer.value == label == answer.label for answer in answers)
        given = sum(answer.value == label for answer in answers)
        due = sum(answer.label == label for answer in answers)
        total += 2 * right / max(1, given + due)
    return total / len(labels)


def _first_after_others(lines: Sequence[Line]) -> float:
    """Teach four projects, then stream the first 25 tickets of the fifth; the share right."""
    right = []
    mixed = permuted(lines)
    for project in sorted({line["project"] for line in lines}):
        bench = _bench("category")
        for line in mixed:
            if line["project"] != project:
                _teach(bench, line)
        for line in [line for line in mixed if line["project"] == project][:25]:
            right.append(_ask(bench, line, "category").is_right)
            _teach(bench, line)
    return sum(right) / len(right)


def _duplicate_ranks(name: str) -> list[int]:
    """Return the place of the first earlier member of each later member's group."""
    rows = sorted(read_rows(f"duplicates_{name}_bugs.csv"), key=lambda row: int(row["Issue id"]))
    ids = [int(row["Issue id"]) for row in rows]
    groups = _groups(read_rows(f"duplicates_{name}_pairs.csv"), set(ids))
    bench = _bench("category")
    earlier: set[int] = set()
    ranks = []
    for row, issue in zip(rows, ids, strict=True):
        wanted = groups.get(issue, set()) & earlier
        line = {"title": row["Summary"], "body": row["Description"], "similar": 10 * bool(wanted)}
        output, _ = bench.answer(json.dumps(line).encode())
        if wanted:
            found = [ids[position] for position, _ in output["similar"]]
            ranks.append(min([found.index(i) for i in wanted if i in found], default=99))
        earlier.add(issue)
    return ranks


def _groups(pairs: Iterable[dict[str, str]], known: set[int]) -> dict[int, set[int]]:
    groups: dict[int, set[int]] = {}
    for pair in pairs:
        members = [int(pair["Issue id"]), *map(int, pair["Duplicate id"].split(","))]
        for left, right in pairwise(member for member in members if member in known):
            joined = groups.get(left, {left}) | groups.get(right, {right})
            for member in joined:
                groups[member] = joined
    return groups


if __name__ == "__main__":
    main()
