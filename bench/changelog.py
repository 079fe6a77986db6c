"""Measures the changelog on the tuning data: `python -m bench.changelog [DATA_FOLDER]`."""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from markdown_it import MarkdownIt

from schemas.events import CommitEvent
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.documents import ReleaseDocument, canonical_json
from streams.domain.changelog.escaping import clean_line, escape_line
from streams.domain.changelog.facts import read_facts
from streams.domain.changelog.messages import parse_message
from streams.domain.changelog.releases import build_releases
from streams.domain.commits.own_json import decode_commit

REPOSITORIES = ("vite", "release-please", "httpx", "pytest")
MIB = 1 << 20
FRAGMENTS = (
    "a", " ", "\n", "(", "((", "feat(", "fix ", "fix #1 ", 'Revert "', 'Revert "\n', "@", "@a", "#",
    "a#1 ", "#a", "BREAKING CHANGE: ", "\nBREAKING CHANGE: x", "a: b\n", "\na: ", "a/", "http://",
    "https://-", "feat(a)", "feat: ", "\r\n", "\r", "gpg:", "\ngpg: ", "\u2028", "`", "`a ", "x-",
    "\n\nfeat(", "\n* feat: a", "CVE-2020-1", "This reverts commit ", "(#1)", "_a", "**", "&amp;",
    "(cherry picked from commit a",
)  # fmt: skip
HEADS = ("", "feat: x\n\n", "feat: ", 'Revert "')


def main() -> None:
    """Print each target with the figure reached; CPU seconds of this process."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/commits")
    commits = {name: read(folder / f"{name}.jsonl") for name in REPOSITORIES}
    measure_vectors(folder)
    measure_parser(commits)
    measure_hostile()
    documents = {name: build_releases(found) for name, found in commits.items()}
    measure_next_versions(documents["release-please"])
    measure_attribution(commits, documents)
    measure_regeneration(commits["vite"])
    measure_replay(commits)
    measure_round_trip(commits)


def report(what: str, target: str, figure: str) -> None:
    print(f"{what:<48} target {target:<22} {figure}")


def cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def read(path: Path) -> list[CommitEvent]:
    with path.open(encoding="utf-8") as lines:
        return [decode_commit(json.loads(line), path.stem) for line in lines]


def measure_vectors(folder: Path) -> None:
    path = folder / "conventional_commits_vectors.jsonl"
    right = 0
    vectors = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for vector in vectors:
        parsed, expected = parse_message(vector["message"]), vector["expect"]
        got = {
            "type": parsed.type,
            "scope": parsed.scope,
            "description": parsed.subject,
            "breaking": parsed.breaking,
            "breaking_text": parsed.breaking_text,
            "body": parsed.body,
            "footers": [list(footer) for footer in parsed.footers],
        }
        if expected is None:
            right += not parsed.conventional
        else:
            right += all(got[name] == expected[name] for name in expected)
    report("Conventional Commits vectors", "60/60", f"{right}/{len(vectors)}")


def measure_parser(commits: dict[str, list[CommitEvent]]) -> None:
    for name, found in commits.items():
        messages = [commit.message for commit in found]

        def parse_all(messages: list[str] = messages) -> None:
            for message in messages:
                parse_message(message)

        rate = len(messages) / min(cpu_s(parse_all) for _ in range(5))
        report(f"parser, {name}", ">= 40,000 /s", f"{rate:,.0f} /s")


def measure_hostile() -> None:
    config = ChangelogConfig(squash="all")
    worst: dict[str, tuple[float, str]] = {}
    for head in HEADS:
        for fragment in FRAGMENTS:
            text = head + fragment * (MIB // len(fragment))
            commit = CommitEvent(repository="r", sha="a" * 40, message=text, author="a")
            works = (
                ("parse_message", partial(parse_message, text)),
                ("read_facts", partial(read_facts, commit, config)),
                ("escape_line", partial(escape_line, text)),
            )
            for name, work in works:
                worst[name] = max(worst.get(name, (0.0, "")), (cpu_s(work), head + fragment))
    for name, (seconds, text) in worst.items():
        target = "<= 100 ms" if name == "parse_message" else "linear"
        report(f"1 MiB of a fragment, {name}", target, f"{seconds * 1e3:.0f} ms ({text!r})")


def measure_next_versions(documents: list[ReleaseDocument]) -> None:
    counted = [doc for doc in documents if doc.release.version and doc.release.previous_stable]
    right = sum(doc.bump.next == doc.release.version for doc in counted)
    report("next version == tag, release-please", "all", f"{right}/{len(counted)}")


def measure_attribution(
    commits: dict[str, list[CommitEvent]], documents: dict[str, list[ReleaseDocument]]
) -> None:
    for name, found in commits.items():
        by_sha = {commit.sha: commit for commit in found}
        claimed: set[str] = set()
        wrong = 0
        for document in documents[name]:
            if document.release.head_sha is None:
                continue
            contained: set[str] = set()
            waiting = [document.release.head_sha]
            while waiting:
                sha = waiting.pop()
                if sha in by_sha and sha not in claimed and sha not in contained:
                    contained.add(sha)
                    waiting.extend(by_sha[sha].parents or ())
            wrong += len(contained ^ set(document.commits))
            claimed |= contained
        report(f"commits in the first tag that has them, {name}", "100 %", f"{wrong} wrong")


def measure_regeneration(commits: list[CommitEvent]) -> None:
    seconds = min(cpu_s(lambda: build_releases(commits)) for _ in range(3))
    report("vite, all releases regenerated", "<= 2 s CPU", f"{seconds:.2f} s")


def measure_replay(commits: dict[str, list[CommitEvent]]) -> None:
    shuffler = random.Random(1)
    for name in ("release-please", "httpx"):
        expected = canonical_json(build_releases(commits[name]))
        differing = 0
        for run in range(21):
            arrived = commits[name] + shuffler.choices(commits[name], k=len(commits[name]) // 3)
            if run:
                shuffler.shuffle(arrived)
            else:
                arrived.reverse()
            differing += canonical_json(build_releases(arrived)) != expected
        report(f"shuffled, 30 % twice, {name}", "0 of 21 differ", f"{differing} differ")


def measure_round_trip(commits: dict[str, list[CommitEvent]]) -> None:
    dialect = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    lines = [
        line
        for found in commits.values()
        for commit in found
        for line in commit.message.split("\n")[:3]
        if line.strip()
    ]
    damaged = sum(shown(dialect, escape_line(line)) != clean_line(line) for line in lines)
    report("lines that read as written", "100 %", f"{len(lines) - damaged:,} of {len(lines):,}")
    lengths = [len(escape_line(line)) - len(line) for line in lines]
    report("escapes a line", "few", f"{statistics.mean(lengths):.2f} characters")


def shown(dialect: MarkdownIt, markdown: str) -> str:
    parts: list[str] = []
    for token in dialect.parse(f"* {markdown}"):
        for child in token.children or []:
            if child.type in {"text", "text_special"}:
                parts.append(child.content)
            elif child.type == "code_inline":
                parts.append(f"{child.markup}{child.content}{child.markup}")
            else:
                parts.append(f"<{child.type}>")
    return "".join(parts)


if __name__ == "__main__":
    main()
