"""Every SQL constant of the services is understood by the migrated schema."""

import importlib
import pkgutil
import re
from types import ModuleType

import asyncpg
import pytest

import graphql_api
import schemas
import streams

pytestmark = pytest.mark.integration

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|COPY|NOTIFY)\s")


def modules() -> list[ModuleType]:
    return [
        importlib.import_module(info.name)
        for package in (streams, graphql_api, schemas)
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    ]


def statements() -> dict[str, str]:
    """Return the SQL constants by module and name; a re-exported one is the same."""
    return {
        f"{module.__name__}.{name}": text
        for module in modules()
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and STATEMENT.match(text)
    }


async def test_every_statement_can_be_prepared(database: str) -> None:
    connection = await asyncpg.connect(database)
    refused = {}
    found = statements()
    for name, text in found.items():
        try:
            await connection.prepare(text)
        except asyncpg.PostgresError as exc:
            refused[name] = str(exc)
    await connection.close()

    assert refused == {}
    assert len(found) > 40
