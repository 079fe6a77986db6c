"""CPU that hostile documents cost before they are refused, or ready to be executed.

`python -m bench.documents`: a line each, the best of five. The goal is 30 ms.
"""

import json
import time
from collections.abc import Iterator

from graphql import get_introspection_query

from graphql_api.engine import Engine, InvalidDocumentError
from graphql_api.errors import ApiError
from graphql_api.limits import DocumentLimits
from graphql_api.schema import SCHEMA

FIELDS = (
    "id summary created_at timestamp status severity severityNumber severityText service host body"
    " attributes traceId spanId raw rawIsBase64 topic partition offset index templateId"
)


def doubling(levels: int, body: str) -> str:
    chain = "".join(
        f"fragment f{level} on Query {{ {body.format(level + 1)} }}" for level in range(levels)
    )
    return f"query {{ ...f0 }} {chain} fragment f{levels} on Query {{ __typename }}"


def documents() -> Iterator[tuple[str, str]]:
    entry = "logEntries(limit: 1) { id summary body host service }"
    yield "the example query", "query { logEntries(limit: 5) { id summary created_at } }"
    yield "introspection", get_introspection_query()
    yield "fragments that double", doubling(20, "...f{0} ...f{0}")
    yield "fields that double", doubling(16, "a {{ ...f{0} }} b {{ ...f{0} }}")
    yield "one field 240 times", "{ " + "me { name } " * 240 + "}"
    yield "one field 15 times", "{ " + f"{entry} " * 15 + "}"
    yield "unknown fields", "{ " + " ".join(f"x{number}" for number in range(480)) + " }"
    yield (
        "fragments that overlap",
        "{ logEntries { "
        + " ".join(f"...f{number}" for number in range(16))
        + " } } "
        + " ".join(f"fragment f{number} on LogEntry {{ {FIELDS} }}" for number in range(16)),
    )
    yield "parts of the same fields", "{ " + f"logEntries {{ {FIELDS} }} " * 15 + "}"
    yield "aliases", "{ " + " ".join(f"a{one}: {entry}" for one in range(30)) + " }"
    unknown = " ".join(f"x{number}" for number in range(180))
    yield "unknown fields after 60 KB", f'{{ a(b: "{"x" * 60_000}") {unknown} }}'
    lines = "x\n" * 2_490
    yield "unknown fields after many lines", f'{{ a(b: """{lines}""") {unknown} }}'
    yield "undeclared arguments", "{ logEntries(" + "a: 1 " * 240 + ") { id } }"
    yield "a long list literal", "{ logEntries(service: [" + "1 " * 900 + "]) { id } }"
    yield "deep lists", "{ logEntries(service: " + "[" * 400 + "]" * 400 + ") { id } }"
    yield "a string of 64 KB", '{ logEntries(service: "' + "x" * 65_000 + '") { id } }'
    yield "escapes of 64 KB", '{ logEntries(service: "' + "\\u0041" * 10_800 + '") { id } }'
    yield "as many escapes as may be", '{ a(b: "' + "x" * 34_000 + "\\u0041" * 4_990 + '") }'
    yield (
        "a block string",
        '{ logEntries(service: """' + ("x" * 25 + "\n") * 2_450 + '""") { id } }',
    )
    yield "a comment of 64 KB", "#" * 65_000 + "\n{ __typename }"
    yield "a megabyte", "{ " + "a " * 500_000 + "}"  # fmt: skip


def cost_ms(text: str) -> tuple[float, str]:
    best_ms, outcome = float("inf"), ""
    for _ in range(5):
        engine = Engine(SCHEMA, limits=DocumentLimits(), max_cost=100_000, timeout_s=1)
        started = time.process_time()
        try:
            engine.prepare(text)
            outcome = "accepted"
        except ApiError as refused:
            outcome = str(refused.details.get("limit", refused.code))
        except InvalidDocumentError:
            outcome = "invalid"
        best_ms = min(best_ms, (time.process_time() - started) * 1_000)
    return best_ms, outcome


def main() -> None:
    for name, text in documents():
        best_ms, outcome = cost_ms(text)
        report = {"document": name, "bytes": len(text), "cpu_ms": round(best_ms, 2)}
        print(json.dumps({**report, "outcome": outcome}))


if __name__ == "__main__":
    main()
