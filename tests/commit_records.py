"""Records of the commits topic for tests: a small history that has one of everything."""

import random
from collections.abc import Sequence

import msgspec

from schemas.events import JsonValue
from schemas.records import SourceRecord
from streams.domain.commits.prepared import PreparedCommits, prepare_commits
from tests.unit.streams.domain.changelog.histories import sha

REPOSITORY = "acme/rocket"
TOPIC = "commits.raw"
START_S = 1_700_000_000
AUTHORS = ("Anna Lee <anna@example.org>", "Bob Roe <bob@example.org>", "Cy <cy@example.org>")
HOSTILE = "fix: a \0 and <script>alert(1)</script> @everyone"

Payload = dict[str, JsonValue]


def commit_payload(
    name: str, message: str, parents: str = "", *, at: int = 0, author: str = AUTHORS[0]
) -> Payload:
    """Return a commit by short names, `at` seconds after the start."""
    return {
        "sha": sha(name),
        "parents": [sha(parent) for parent in parents.split()],
        "author": author,
        "date": START_S + at,
        "message": message,
    }


def tag_payload(name: str, place: str | None, *, at: int) -> Payload:
    """Return a statement that a tag is at a commit, or deleted."""
    place_sha = None if place is None else sha(place)
    return {"kind": "tag", "name": name, "sha": place_sha, "date": START_S + at}


def override_payload(place: str, *, at: int, **changes: JsonValue) -> Payload:
    """Return a repair of an entry."""
    return {"kind": "override", "sha": sha(place), "date": START_S + at, **changes}


def history(count: int = 60) -> list[Payload]:
    """Return a line of commits with side branches, merges, releases, and what goes wrong."""
    rng = random.Random(7)
    kinds = ("feat", "fix", "docs", "chore(deps)", "feat!", "perf")
    payloads: list[Payload] = []
    for number in range(count):
        previous = str(number - 1) if number else ""
        payloads.append(
            commit_payload(
                str(number),
                f"{rng.choice(kinds)}: change {number} (#{number})",
                previous,
                at=number * 100,
                author=rng.choice(AUTHORS),
            )
        )
        if number % 10 == 9:
            payloads.append(tag_payload(f"v1.{number // 10}.0", str(number), at=number * 100 + 5))
    return [*payloads, *_odd_ends(count)]


def _odd_ends(count: int) -> list[Payload]:
    """Return a branch, a merge, a revert, a repair, a moved and a deleted tag, and two payloads."""
    last, end = str(count - 1), count * 100
    return [
        commit_payload("side", HOSTILE, "11", at=1_150, author="D\0 <d@example.org>"),
        commit_payload("merge", "Merge pull request #99 from x/side", f"{last} side", at=end),
        commit_payload(
            "revert", f'Revert "x"\n\nThis reverts commit {sha("3")}.', "merge", at=end + 1
        ),
        commit_payload("two", "feat: one payload", "revert", at=end + 2),
        commit_payload("two", "feat: another payload", "revert", at=end + 2),
        override_payload("4", at=end + 3, category="security", subject="say it better"),
        tag_payload("moved", "5", at=10),
        tag_payload("moved", "25", at=end + 4),
        tag_payload("deleted", "35", at=20),
        tag_payload("deleted", None, at=end + 5),
        {"kind": "release", "name": "v2.0.0", "sha": sha("merge"), "date": START_S + end + 6},
    ]


def commit_record(payload: Payload, offset: int = 0, partition: int = 0) -> SourceRecord:
    """Return the record of a payload."""
    return SourceRecord(
        topic=TOPIC,
        partition=partition,
        offset=offset,
        value=msgspec.json.encode(payload),
        key=REPOSITORY.encode(),
        timestamp_ms=START_S * 1_000,
    )


def prepare_payloads(
    payloads: Sequence[Payload], *, first_offset: int = 0, partition: int = 0
) -> list[PreparedCommits]:
    """Return the payloads as records at consecutive offsets, prepared."""
    return [
        prepare_commits(commit_record(payload, first_offset + place, partition))
        for place, payload in enumerate(payloads)
    ]
