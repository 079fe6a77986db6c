"""The hot statements over commits and changelogs use their indexes."""

import pytest

from graphql_api.store.commits import (
    SELECT_CHANGELOG,
    SELECT_COMMITS,
    SELECT_COMMITS_OF_RELEASE,
    SELECT_RELEASES,
    SELECT_STATEMENTS,
)
from schemas.db.pool import Connection
from tests.integration.graphql_api.test_statements import plan

pytestmark = pytest.mark.integration

SEED_COMMITS = """
INSERT INTO commits
SELECT 'repository ' || n % 10, md5(n::text), 'v' || n % 1000 / 10, 'a', n, 'feat: x', false
FROM generate_series(0, 99999) AS n
"""
SEED_CHANGELOGS = """
INSERT INTO changelogs
    (repository, release, position, document, input_hash, rules_hash, content_hash)
SELECT 'repository ' || r, 'v' || n, n, '', '', '', ''
FROM generate_series(0, 9) AS r, generate_series(0, 999) AS n
"""
SEED_CONTENTS = """
INSERT INTO commit_contents
SELECT decode(md5(n::text), 'hex'), 'repository ' || n % 10, 'commit', '{}'
FROM generate_series(0, 99999) AS n
"""


async def test_hot_statements_use_their_indexes(connection: Connection) -> None:
    for seed in (SEED_COMMITS, SEED_CHANGELOGS, SEED_CONTENTS):
        await connection.execute(seed)
    await connection.execute("ANALYZE")
    repository = "repository 3"
    cases: list[tuple[str, str, list[object]]] = [
        ("changelogs_pkey", SELECT_CHANGELOG, [repository, "v7"]),
        ("changelogs_by_position", SELECT_RELEASES, [repository, 500, 51]),
        ("commits_by_time", SELECT_COMMITS, [repository, 50_000, "", 51]),
        ("commits_by_release", SELECT_COMMITS_OF_RELEASE, [repository, 50_000, "", 51, "v7"]),
        ("commit_contents_by_repository", SELECT_STATEMENTS, [repository, 12_001]),
    ]
    for index, statement, arguments in cases:
        found = await plan(connection, statement, *arguments)

        assert index in found, found
        assert "Seq Scan" not in found
