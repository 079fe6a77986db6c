"""Documents generated from the schema by schemathesis: whatever is asked, the answer is typed."""

import re
import sys
from pathlib import Path

import pytest

from schemas.db.pool import Connection
from schemas.settings import Settings
from tests.conformance.test_public_suites import run, url_of
from tests.documents import root_documents
from tests.integration.graphql_api.conftest import NO_BROKER, Api, api, connection
from tests.integration.graphql_api.seeding import make_line, seed_lines
from tests.integration.graphql_api.test_summaries import insert_summary

__all__ = ["api", "connection"]

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
HOOKS = "tests.conformance.fuzz_checks"
ROLES = ("VIEWER", "ADMIN")
SHORT_EXAMPLES = 3
LONG_CASES = 10_000
GENERATED = re.compile(r"(\d+) generated\b")


@pytest.fixture
def api_settings(database: str) -> Settings:
    """Mutations that would write fail at once, and nobody is too fast."""
    return Settings(
        postgres_dsn=database,
        kafka_bootstrap=NO_BROKER,
        submit_timeout_s=0.05,
        api_cost_per_second=10**9,
    )


async def key_of(api: Api, role: str) -> str:
    """Return a machine's key: no generated document ends it."""
    make = 'mutation($as: Role!) { createApiKey(name: "fuzz", role: $as, days: 1) { secret } }'
    answer = await api.ask(make, role="admin", **{"as": role})
    secret: str = answer["createApiKey"]["secret"]
    return secret


async def fuzz(api: Api, role: str, examples: int) -> int:
    """Ask so many documents of each root field; return how many were asked in all."""
    schema = ROOT / "graphql_api" / "schema.graphql"
    printed = await run(
        sys.executable, "-m", "schemathesis.cli", "run", str(schema),
        "--url", url_of(api),
        "--header", f"Authorization: Bearer {await key_of(api, role)}",
        "--checks", "answers_with_known_codes",
        "--max-examples", str(examples),
        "--generation-database", "none",
        "--warnings", "off",
        environment={"SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    found = GENERATED.search(printed)
    assert found, printed
    return int(found[1])


@pytest.fixture
async def seeded(api: Api, connection: Connection) -> Api:
    """An application with something to be found."""
    await seed_lines(connection, [make_line(offset) for offset in range(50)])
    await insert_summary(connection, "api", 0)
    return api


@pytest.mark.parametrize("role", ROLES)
async def test_every_generated_document_gets_a_typed_answer(seeded: Api, role: str) -> None:
    assert await fuzz(seeded, role, SHORT_EXAMPLES) >= len(queries_and_mutations())


@pytest.mark.soak
@pytest.mark.timeout(4 * 3_600)
@pytest.mark.parametrize("role", ROLES)
async def test_ten_thousand_documents_get_typed_answers(seeded: Api, role: str) -> None:
    examples = 1 + LONG_CASES // len(queries_and_mutations())

    assert await fuzz(seeded, role, examples) >= LONG_CASES


def queries_and_mutations() -> list[str]:
    return [one for one in root_documents() if not one.startswith("Subscription.")]
