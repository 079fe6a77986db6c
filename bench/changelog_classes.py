"""Measures the class of free messages: `python -m bench.changelog_classes [DATA_FOLDER]`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sklearn.metrics import f1_score, roc_auc_score

from streams.domain.changelog.messages import parse_message
from streams.domain.changelog.word_model import Guess, guess_type

SEVEN = {
    **dict.fromkeys(("feat", "deprecate"), "feat"),
    **dict.fromkeys(("fix", "security"), "fix"),
    **dict.fromkeys(("refactor", "remove", "types"), "refactor"),
    **dict.fromkeys(("chore", "build", "ci", "style", "deps"), "chore"),
    "docs": "docs",
    "test": "test",
    "perf": "perf",
}
NOTES = {
    **dict.fromkeys(("feature", "improvement"), "added"),
    **dict.fromkeys(("bugfix", "bug"), "fixed"),
    **dict.fromkeys(("breaking", "deprecation", "removal"), "removed"),
    **dict.fromkeys(("trivial", "contrib", "vendor", "packaging", "misc"), "internal"),
    "doc": "docs",
}
OF_TYPE = {
    **dict.fromkeys(("feat", "perf"), "added"),
    **dict.fromkeys(("fix", "security"), "fixed"),
    **dict.fromkeys(("remove", "deprecate"), "removed"),
    "docs": "docs",
}


def main() -> None:
    """Print accuracy, macro-F1 and calibration where the truth is known."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/commits")
    for name in ("vite", "release-please"):
        report_types(folder / f"{name}.jsonl")
    report_notes(folder / "pytest.jsonl")


def rows(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def report_types(path: Path) -> None:
    """Truth from prefixes, which are stripped before the guess."""
    truth: list[str] = []
    guesses: list[Guess] = []
    for row in rows(path):
        parsed = parse_message(str(row["message"]))
        if parsed.type in SEVEN and not parsed.subject.startswith("release"):
            truth.append(SEVEN[parsed.type])
            guesses.append(guess_type(parsed.subject, parsed.body or "", ()))
    found = [SEVEN[guess.type] for guess in guesses]
    right = [one == other for one, other in zip(truth, found, strict=True)]
    majority = Counter(truth).most_common(1)[0][1] / len(truth)
    print(
        f"{path.stem:<16} 7 classes, n {len(truth):>5}  majority {majority:.2f}  "
        f"accuracy {sum(right) / len(right):.3f}  "
        f"macro-F1 {f1_score(truth, found, average='macro'):.3f}  "
        f"ECE {calibration_error([guess.confidence for guess in guesses], right):.3f}"
    )


def report_notes(path: Path) -> None:
    """Truth from change-note files; whether there is one at all is the ranking's truth."""
    truth: list[str] = []
    found: list[str] = []
    has_note: list[bool] = []
    worth: list[float] = []
    for row in rows(path):
        parents, label = row["parents"], row.get("label")
        if isinstance(parents, list) and len(parents) > 1:
            continue
        parsed = parse_message(str(row["message"]))
        guess = guess_type(parsed.header, parsed.body or "", ())
        has_note.append(bool(label))
        worth.append(guess.note_worthy)
        kinds = [NOTES[kind] for kind in label if kind in NOTES] if isinstance(label, list) else []
        if kinds:
            truth.append(kinds[0])
            found.append(OF_TYPE.get(guess.type, "internal"))
    right = sum(one == other for one, other in zip(truth, found, strict=True))
    print(
        f"{path.stem:<16} 5 classes, n {len(truth):>5}  target .60/.52 of others  "
        f"accuracy {right / len(truth):.3f}  "
        f"macro-F1 {f1_score(truth, found, average='macro'):.3f}  "
        f"note-worthy AUC {roc_auc_score(has_note, worth):.3f}"
    )


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the expected calibration error over ten bins of equal width."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, is_right in zip(confidences, right, strict=True):
        bins.setdefault(min(int(confidence * 10), 9), []).append((confidence, is_right))
    gaps = (
        abs(sum(confidence for confidence, _ in found) - sum(is_right for _, is_right in found))
        for found in bins.values()
    )
    return sum(gaps) / len(confidences)


if __name__ == "__main__":
    main()
