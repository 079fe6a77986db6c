"""Window summaries, templates and the pipeline's state over HTTP."""

import msgspec
import pytest

from schemas.db.pool import Connection
from schemas.summaries import (
    Baseline,
    Finding,
    FindingKind,
    FindingState,
    Provenance,
    StickyValue,
    TopTemplate,
    WindowSummary,
)
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.seeding import make_line, seed_lines

pytestmark = pytest.mark.integration

WINDOW_NS = 300_000_000_000
START = "1970-01-01T00:00:00.000Z"
FINDING = Finding(
    id="f1",
    kind=FindingKind.SPIKE,
    state=FindingState.ONGOING,
    template_id="7",
    template="disk <*> full",
    count=9,
    expected=1.5,
    ratio=6.0,
    score=8.25,
    severity="ERROR",
    severity_number=17,
    since=START,
    until=START,
    peak_at=None,
    peak_count=4,
    peak_score=8.25,
    first_seen=START,
    last_seen=START,
    rate=1.5,
    dispersion=1.0,
    rarity=3.0,
    windows=2,
    exemplars=("disk sda full",),
    sticky=(StickyValue(slot=0, name="disk", value="sda", share=1.0, baseline_share=0.25),),
)


def summary_of(service: str | None, number: int) -> WindowSummary:
    return WindowSummary(
        service=service,
        window_start=START,
        window_end=START,
        first_event=None,
        last_event=None,
        lines=10,
        late=1,
        templates=2,
        severity_counts={"INFO": 1, "ERROR": 9},
        baseline=Baseline(windows=20, lines=30, severity_counts={"INFO": 30}),
        unusual=True,
        score=8.25,
        headline=f"window {number}",
        text="disk sda full, 9 times",
        findings=(FINDING,),
        top_templates=(TopTemplate(template_id="7", template="disk <*> full", count=9),),
        other_count=1,
        provenance=Provenance(schema_version=1, config_hash="c"),
    )


UPSERT_SUMMARY = """
INSERT INTO log_window_summaries (service, start_ns, end_ns, lines, is_open, unusual, headline,
                                  document, content_hash, revision)
VALUES ($1, $2, $3, 10, $2::bigint > 0, true, $4, $5, '', $6)
ON CONFLICT (service, start_ns) DO UPDATE SET revision = EXCLUDED.revision, updated_at = now()
"""


async def insert_summary(
    connection: Connection, service: str, number: int, *, revision: int = 1
) -> None:
    """Store the summary of a service's window and tell of it, as the finalizer does."""
    start = number * WINDOW_NS
    document = msgspec.json.encode(summary_of(service or None, number))
    async with connection.transaction():
        await connection.execute(
            UPSERT_SUMMARY,
            service,
            start,
            start + WINDOW_NS,
            f"window {number}",
            document,
            revision,
        )
        note = msgspec.json.encode({"service": service, "start_ns": start}).decode()
        await connection.execute("SELECT pg_notify('aiops_summaries', $1)", note)


async def test_a_summary_has_everything_in_its_document(api: Api, connection: Connection) -> None:
    await insert_summary(connection, "api", 0, revision=3)

    data = await api.ask(
        """query($start: DateTime!) { logSummary(service: "api", windowStart: $start) {
        service windowStart windowEnd isOpen revision lines late unusual score headline text
        severityCounts { name count } topTemplates { templateId template count } otherCount
        findings { id kind state templateId count expected ratio score severity exemplars
          sticky { slot name value share baselineShare } varying { slot } stack { exception } }
        document } }""",
        start=START,
    )

    found = data["logSummary"]
    assert found.pop("document")["provenance"] == {"schema_version": 1, "config_hash": "c"}
    assert found == {
        "service": "api",
        "windowStart": START,
        "windowEnd": "1970-01-01T00:05:00.000Z",
        "isOpen": False,
        "revision": 3,
        "lines": 10,
        "late": 1,
        "unusual": True,
        "score": 8.25,
        "headline": "window 0",
        "text": "disk sda full, 9 times",
        "severityCounts": [{"name": "INFO", "count": 1}, {"name": "ERROR", "count": 9}],
        "topTemplates": [{"templateId": "7", "template": "disk <*> full", "count": 9}],
        "otherCount": 1,
        "findings": [
            {
                "id": "f1",
                "kind": "SPIKE",
                "state": "ONGOING",
                "templateId": "7",
                "count": 9,
                "expected": 1.5,
                "ratio": 6.0,
                "score": 8.25,
                "severity": "ERROR",
                "exemplars": ["disk sda full"],
                "sticky": [
                    {
                        "slot": 0,
                        "name": "disk",
                        "value": "sda",
                        "share": 1.0,
                        "baselineShare": 0.25,
                    }
                ],
                "varying": [],
                "stack": None,
            }
        ],
    }


async def test_summaries_come_newest_window_first_page_by_page(
    api: Api, connection: Connection
) -> None:
    for number in range(4):
        for service in ("", "api", "web"):
            await insert_summary(connection, service, number)
    query = """query($after: String, $service: String) {
        logSummaries(first: 5, after: $after, service: $service) {
          edges { node { service headline } } pageInfo { endCursor hasNextPage } } }"""
    found: list[tuple[str | None, str]] = []
    after, has_next = None, True
    while has_next:
        page = (await api.ask(query, after=after))["logSummaries"]
        found += [(one["node"]["service"], one["node"]["headline"]) for one in page["edges"]]
        after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    one_service = (await api.ask(query, service="web"))["logSummaries"]["edges"]

    assert found == [
        (service, f"window {number}") for number in (3, 2, 1, 0) for service in (None, "api", "web")
    ]
    assert [edge["node"]["headline"] for edge in one_service] == [
        f"window {number}" for number in (3, 2, 1, 0)
    ]


async def test_a_template_is_found_by_any_id_it_ever_had(api: Api, connection: Connection) -> None:
    await connection.execute(
        "INSERT INTO log_templates VALUES (7, 'api', 'disk <*> full', 0, 1000, 'e', 'disk a full')"
    )
    await connection.execute(
        "INSERT INTO log_shape_templates VALUES (7, 7, 'api', 'a'), (-3, 7, 'api', 'b')"
    )
    await connection.execute(
        "INSERT INTO log_block_shapes VALUES ('logs.raw', 0, 0, 7, 'api', 'a', 5, 0, 1, 0, 0, ''),"
        " ('logs.raw', 0, 1, -3, 'api', 'b', 2, 0, 1, 0, 0, '')"
    )

    data = await api.ask(
        """{ now: template(id: "7") { id lines text } former: template(id: "-3") { id }
        none: template(id: "99") { id }
        templates(text: "DISK", service: "api") { edges { node { id lines example } } } }"""
    )

    assert data["now"] == {"id": "7", "lines": 7, "text": "disk <*> full"}
    assert data["former"] == {"id": "7"}
    assert data["none"] is None
    assert data["templates"]["edges"][0]["node"]["lines"] == 7


async def test_the_pipeline_says_how_far_it_is_and_what_it_refused(
    api: Api, connection: Connection
) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(20)])
    await connection.execute(
        "INSERT INTO dead_letters VALUES ('logs.raw', 0, 5, 'not_text', 'no text', '\\x00ff', 2),"
        " ('logs.raw', 0, 6, 'not_text', 'no text', '', 0)"
    )
    await connection.execute(
        "INSERT INTO offset_gaps VALUES ('logs.raw', 0, 7, 9, 'retention'),"
        " ('logs.raw', 0, 11, 12, 'skipped')"
    )

    status = (
        await api.ask(
            """{ pipelineStatus { isBrokerReachable watermark
            partitions { topic partition nextOffset endOffset lag watermark }
            gaps { fromOffset toOffset reason } deadLetters { topic reason count } } }"""
        )
    )["pipelineStatus"]
    letters = await api.ask(
        "{ deadLetters(first: 1) { edges { node { offset reason valueHead } }"
        " pageInfo { hasNextPage } } }",
        role="operator",
    )

    assert status["isBrokerReachable"] is False
    assert status["partitions"] == [
        {
            "topic": "logs.raw",
            "partition": 0,
            "nextOffset": 20,
            "endOffset": None,
            "lag": None,
            "watermark": status["watermark"],
        }
    ]
    assert status["gaps"] == [{"fromOffset": 7, "toOffset": 9, "reason": "retention"}]
    assert status["deadLetters"] == [{"topic": "logs.raw", "reason": "not_text", "count": 2}]
    assert letters["deadLetters"] == {
        "edges": [{"node": {"offset": 5, "reason": "not_text", "valueHead": "AP8="}}],
        "pageInfo": {"hasNextPage": True},
    }


async def test_a_summary_of_an_earlier_release_is_shown_with_what_it_has(
    api: Api, connection: Connection
) -> None:
    await insert_summary(connection, "api", 0)
    await connection.execute(
        "UPDATE log_window_summaries SET document = convert_to("
        "(convert_from(document, 'UTF8')::jsonb - 'late' - 'other_count'"
        " #- '{findings,0,first_seen}')::text, 'UTF8')"
    )

    data = await api.ask(
        "{ logSummaries { edges { node { headline late otherCount findings { template } } } } }"
    )

    assert data["logSummaries"]["edges"][0]["node"] == {
        "headline": "window 0",
        "late": 0,
        "otherCount": 0,
        "findings": [{"template": FINDING.template}],
    }
