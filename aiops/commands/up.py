"""`aiops up`: the whole product on this machine, until Ctrl-C."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path
from typing import Final

import asyncpg
import click

from aiops.commands.admin import local_actor
from aiops.demo import DemoFailedError, first_summary, send_sample, show_summary
from aiops.first_admin import create_first_admin
from aiops.local_service import LocalService, start_local_service
from schemas.settings import Settings

FIRST_SUMMARY_TIMEOUT_S: Final = 60.0
QUERIES: Final = (
    'mutation { summarizeLog(raw: \\"Server crashed at 2am with out-of-memory error.\\") '
    "{ id summary } }",
    "query { logEntries(limit: 5) { id summary created_at } }",
)


@click.command("up")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".aiops"),
    show_default=True,
    help="Where the embedded servers keep their data.",
)
@click.option("--no-sample", is_flag=True, help="Send no sample stream at the first start.")
def command(*, data_dir: Path, no_sample: bool) -> None:
    """Start Kafka, Postgres, the workers and the API here; Ctrl-C stops them."""
    started = time.monotonic()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    click.echo("starting Kafka, Postgres, the workers and the API ...")
    with start_local_service(data_dir.resolve(), dict(os.environ)) as service:
        settings = service.settings
        click.echo(f"Kafka     {settings.kafka_bootstrap}")
        click.echo(f"API       {service.api_url}/graphql")
        is_first = asyncio.run(_is_empty(settings))
        if is_first and not no_sample:
            sent = asyncio.run(send_sample(settings))
            click.echo(f"sent a sample stream of {sent} lines to logs.raw")
            _show_first_summary(settings, started)
        _show_next_steps(service)
        stopping.wait()
        click.echo("stopping ...")


def _show_first_summary(settings: Settings, started: float) -> None:
    try:
        summary = asyncio.run(first_summary(settings, timeout_s=FIRST_SUMMARY_TIMEOUT_S))
    except DemoFailedError as exc:
        # A busy machine is no reason to take everything down again.
        click.echo(f"{exc}; it will come, see `aiops status`")
        return
    show_summary(summary)
    click.echo(f"\nfirst summary after {time.monotonic() - started:.1f} s")


def _show_next_steps(service: LocalService) -> None:
    bootstrap = service.settings.kafka_bootstrap
    click.echo("\nsend a line of your own:")
    click.echo(
        f'  echo "$(date -u +%FT%TZ) ERROR disk full on web-1" | '
        f"AIOPS_KAFKA_BOOTSTRAP={bootstrap} .venv/bin/aiops send logs -"
    )
    click.echo(f"  echo disk full | kcat -b {bootstrap} -t logs.raw -P")
    admin = create_first_admin(service, local_actor())
    if admin is None:
        click.echo("\nlog in with the admin made at the first start (or `aiops admin create`)")
        token = "<access token>"  # noqa: S105 - stands for one
    else:
        click.echo(f"\nadmin {admin.name}, password {admin.password} (shown once)")
        token = admin.access_token
    click.echo("ask over GraphQL (the token lasts 5 minutes):")
    for query in QUERIES:
        click.echo(
            f"  curl -s {service.api_url}/graphql -H 'Authorization: Bearer {token}' "
            f"-H 'Content-Type: application/json' -d '{{\"query\": \"{query}\"}}'"
        )


async def _is_empty(settings: Settings) -> bool:
    connection = await asyncpg.connect(settings.postgres_dsn)
    try:
        # The workers have claimed their partitions by now: each has a row, also an empty one.
        return not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM stream_offsets WHERE next_offset > first_offset)"
        )
    finally:
        await connection.close()
