"""Entries over HTTP, from seeded tables."""

from schemas.db.pool import Connection
from schemas.ids import RecordId, encode_record_id
from tests.integration.graphql_api.conftest import Api
from tests.integration.graphql_api.seeding import BASE_MS, make_line, seed_lines

SEED_QUERY = "query { logEntries(limit: 5) { id summary created_at } }"


def id_of(offset: int, partition: int = 0, topic: str = "logs.raw") -> str:
    return encode_record_id(RecordId(topic, partition, offset))


async def test_the_seed_query_runs_verbatim(api: Api, connection: Connection) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(300)])

    data = await api.ask(SEED_QUERY)

    assert [entry["id"] for entry in data["logEntries"]] == [
        id_of(offset) for offset in (299, 298, 297, 296, 295)
    ]
    assert data["logEntries"][0] == {
        "id": id_of(299),
        "summary": "ERROR: request 299 took 8 ms",
        "created_at": "2023-11-14T22:13:22.990Z",
    }


async def test_entries_of_several_partitions_are_merged_by_time_with_ties_by_id(
    api: Api, connection: Connection
) -> None:
    for partition in (0, 1):
        await seed_lines(
            connection, [make_line(offset) for offset in range(40)], partition=partition
        )

    data = await api.ask("{ logEntries(limit: 5) { id } }")

    assert [entry["id"] for entry in data["logEntries"]] == [
        id_of(39, 1),
        id_of(39, 0),
        id_of(38, 1),
        id_of(38, 0),
        id_of(37, 1),
    ]


async def test_a_late_record_takes_its_place_by_its_own_time(
    api: Api, connection: Connection
) -> None:
    lines = [make_line(offset) for offset in range(600)]
    lines[3] = make_line(3, record_ms=BASE_MS + 5_995)
    await seed_lines(connection, lines)

    data = await api.ask("{ logEntries(limit: 3) { offset } }")

    assert [entry["offset"] for entry in data["logEntries"]] == [3, 599, 598]


async def test_filters_narrow_the_list(api: Api, connection: Connection) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(500)])

    data = await api.ask(
        """{
          service: logEntries(limit: 2, service: "billing") { offset service }
          unnamed: logEntries(limit: 1, service: "") { offset service }
          severity: logEntries(limit: 2, severity: WARN) { offset severity }
          time: logEntries(limit: 500, since: "2023-11-14T22:13:21Z", until: "2023-11-14T22:13:22Z")
            { offset }
        }"""
    )

    assert [one["offset"] for one in data["service"]] == [499, 496]
    assert data["unnamed"] == [{"offset": 497, "service": None}]
    assert [one["offset"] for one in data["severity"]] == [498, 494]
    assert [one["offset"] for one in data["time"]] == list(range(199, 99, -1))


async def test_pages_meet_without_a_gap_while_lines_arrive(
    api: Api, connection: Connection
) -> None:
    lines = [make_line(offset) for offset in range(900)]
    query = """query($after: String) { logLines(first: 70, after: $after) {
        edges { node { offset } } pageInfo { endCursor hasNextPage } } }"""
    offsets, after, stored = [], None, 700
    while True:
        # Pieces are merged and a tail grows between any two pages.
        stored = min(stored + 40, 900)
        await seed_lines(connection, lines[:stored])
        page = (await api.ask(query, after=after))["logLines"]
        offsets += [edge["node"]["offset"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert offsets == list(range(739, -1, -1))


async def test_lines_are_found_by_text_host_trace_and_template(
    api: Api, connection: Connection
) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(200)])
    await connection.execute("INSERT INTO log_shape_templates VALUES (-5, 3, 'api', 'request <*>')")

    data = await api.ask(
        """{
          text: logLines(text: "REQUEST 77 ") { edges { node { offset } } }
          host: logLines(first: 2, host: "web-3") { edges { node { offset host } } }
          trace: logLines(traceId: "00000000000000000000000000000007")
            { edges { node { offset traceId } } }
          template: logLines(first: 3, templateId: "3") { edges { node { offset templateId } } }
          former: logLines(first: 3, templateId: "-5") { edges { node { offset } } }
        }"""
    )

    assert [edge["node"]["offset"] for edge in data["text"]["edges"]] == [77]
    assert [edge["node"]["offset"] for edge in data["host"]["edges"]] == [198, 193]
    assert [edge["node"]["offset"] for edge in data["trace"]["edges"]] == [7]
    assert {edge["node"]["templateId"] for edge in data["template"]["edges"]} == {"3"}
    assert data["former"]["edges"] == [
        {"node": {"offset": edge["node"]["offset"]}} for edge in data["template"]["edges"]
    ]


async def test_an_entry_has_everything_that_was_stored(api: Api, connection: Connection) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(20)])

    entry = await api.ask(
        """query($id: ID!) { logEntry(id: $id) { id summary created_at timestamp status severity
        severityNumber severityText service host body attributes traceId spanId raw rawIsBase64
        templateId topic partition offset index } }""",
        id=id_of(7),
    )

    assert entry["logEntry"] == {
        "id": id_of(7),
        "summary": "ERROR: request 7 took 7 ms",
        "created_at": "2023-11-14T22:13:20.070Z",
        "timestamp": "2023-11-14T22:13:20.068500Z",
        "status": "DONE",
        "severity": "ERROR",
        "severityNumber": 17,
        "severityText": "ERROR",
        "service": "billing",
        "host": "web-2",
        "body": "request 7 took 7 ms",
        "attributes": {"http.status": 201},
        "traceId": f"{7:032x}",
        "spanId": None,
        "raw": "<13>request 7 took 7 ms",
        "rawIsBase64": False,
        "templateId": "2",
        "topic": "logs.raw",
        "partition": 0,
        "offset": 7,
        "index": 0,
    }


async def test_a_record_without_a_line_says_what_became_of_it(
    api: Api, connection: Connection
) -> None:
    lines = [make_line(offset) for offset in range(20) if offset not in (4, 5)]
    await seed_lines(connection, lines)
    await connection.execute(
        "INSERT INTO dead_letters VALUES ('logs.raw', 0, 5, 'not_text', 'no text', '', 0)"
    )
    query = "query($id: ID!) { logEntry(id: $id) { status summary } }"

    found = {offset: await api.ask(query, id=id_of(offset)) for offset in (4, 5, 20)}

    assert found[4]["logEntry"] == {"status": "DROPPED", "summary": None}
    assert found[5]["logEntry"] == {"status": "DEAD_LETTER", "summary": None}
    assert found[20]["logEntry"] == {"status": "PENDING", "summary": None}
    assert await api.ask(query, id=id_of(0, topic="no.such")) == {"logEntry": None}


async def test_the_lines_around_an_entry_come_in_the_partitions_order(
    api: Api, connection: Connection
) -> None:
    await seed_lines(connection, [make_line(offset) for offset in range(300)])

    data = await api.ask(
        """query($id: ID!) { logContext(id: $id, before: 3, after: 2) {
        before { offset } entry { offset } after { offset } } }""",
        id=id_of(257),
    )

    assert data["logContext"] == {
        "before": [{"offset": 254}, {"offset": 255}, {"offset": 256}],
        "entry": {"offset": 257},
        "after": [{"offset": 258}, {"offset": 259}],
    }


async def test_bad_arguments_are_refused_by_name(api: Api) -> None:
    for query in (
        "{ logEntries(limit: 0) { id } }",
        "{ logEntries(limit: -1) { id } }",
        "{ logEntries(limit: 501) { id } }",
        '{ logEntry(id: "") { id } }',
        '{ logEntry(id: "zzz") { id } }',
        '{ logLines(after: "zzz") { edges { cursor } } }',
        '{ logLines(text: "") { edges { cursor } } }',
        '{ logLines(templateId: "x") { edges { cursor } } }',
        '{ logEntries(service: "a\\u0000") { id } }',
    ):
        assert await api.refusal(query) == "BAD_USER_INPUT", query


async def test_volume_adds_up_by_step(api: Api, connection: Connection) -> None:
    minute = 28_333_333
    for block, count in ((0, 5), (1, 7)):
        await connection.execute(
            """INSERT INTO log_counts (topic, partition, block, service, minute, lines, late,
            first_event_ns, last_event_ns, severities, shape_ids, counts)
            VALUES ('logs.raw', 0, $1, 'api', $2, $3::int + 2, 0, 0, 0, '{9,17}', '{1,2}',
            ARRAY[$3::int, 2])""",
            block,
            minute + block,
            count,
        )

    data = await api.ask(
        """{ logVolume(stepMinutes: 30,
        since: "2023-11-14T22:00:00Z", until: "2023-11-14T23:00:00Z")
        { start service severity count } services }"""
    )

    assert data["logVolume"] == [
        {"start": "2023-11-14T22:00:00.000Z", "service": "api", "severity": "INFO", "count": 12},
        {"start": "2023-11-14T22:00:00.000Z", "service": "api", "severity": "ERROR", "count": 4},
    ]
    assert data["services"] == ["api"]
