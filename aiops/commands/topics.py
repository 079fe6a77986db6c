"""`aiops topics`: create, list, lag."""

import asyncio
import os

import click
import msgspec

from aiops.status import partition_lags
from aiops.topics import create_topics, forget_stored, list_topics
from schemas.settings import load_settings


@click.group("topics")
def group() -> None:
    """Kafka topics: create what is missing, list, and how far each partition is read."""


@group.command("create")
@click.option("--replication", type=click.IntRange(1, 9), default=1, show_default=True)
@click.option("--partitions", type=click.IntRange(1, 1000), help="Of logs.raw; default 4.")
def create(replication: int, partitions: int | None) -> None:
    """Create the topics that are missing; repeating is safe."""
    settings = load_settings(os.environ)
    chosen = {"logs.raw": partitions} if partitions else {}
    created = create_topics(
        settings.kafka_bootstrap,
        log_topics=settings.log_topic_names,
        replication=replication,
        partitions=chosen,
    )
    for name in created:
        click.echo(f"created {name}")
    if not created:
        click.echo("all topics exist")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_command(*, as_json: bool) -> None:
    """List our topics with partitions and records."""
    for row in list_topics(load_settings(os.environ).kafka_bootstrap):
        if as_json:
            click.echo(msgspec.json.encode(row))
        elif row.partitions:
            click.echo(f"{row.name:24} {row.partitions:4} partitions {row.records:12} records")
        else:
            click.echo(f"{row.name:24} missing: run `aiops topics create`")


@group.command("forget")
@click.argument("topic")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(topic: str, *, yes: bool) -> None:
    """Drop what is stored of a topic that was made anew, so that it is read from its start.

    Stop the workers first: they hold the former offsets.
    """
    if not yes:
        click.confirm(f"Drop all lines, counts and offsets of {topic}?", abort=True)
    offsets = asyncio.run(forget_stored(load_settings(os.environ), topic))
    click.echo(f"forgot {offsets} stored offsets of {topic}")


@group.command("lag")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def lag(*, as_json: bool) -> None:
    """Show how far each partition is stored, and how far it goes."""
    for row in asyncio.run(partition_lags(load_settings(os.environ))):
        if as_json:
            click.echo(msgspec.json.encode(row))
        else:
            click.echo(
                f"{row.topic:20} {row.partition:4} stored {row.next_offset:12} "
                f"end {row.end:12} lag {row.lag:10}"
            )
