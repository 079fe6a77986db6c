"""`aiops migrate`: brings the database up to date."""

import asyncio
import os

import asyncpg
import click

from schemas.db.migrate import migrate
from schemas.errors import TransientError
from schemas.settings import load_settings


@click.command("migrate")
def command() -> None:
    """Apply the migrations that the database does not have yet; repeating is safe."""
    settings = load_settings(os.environ)
    try:
        applied = asyncio.run(migrate(settings.postgres_dsn))
    except (OSError, asyncpg.PostgresError) as exc:
        raise TransientError(f"Postgres does not answer (AIOPS_POSTGRES_DSN): {exc}") from exc
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("up to date")
