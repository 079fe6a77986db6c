"""`aiops query`: a GraphQL document through the gql client."""

import asyncio
import sys
from typing import Any

import click
import msgspec
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError, TransportQueryError

from schemas.errors import AiOpsError


class QueryFailedError(AiOpsError):
    """The service answered with errors, or not at all."""


@click.command()
@click.argument("document", default="-")
@click.option("--url", default="http://127.0.0.1:8080/graphql", show_default=True)
@click.option("--token", envvar="AIOPS_TOKEN", help="Access token or API key; or AIOPS_TOKEN.")
@click.option("--variables", default="{}", help="A JSON object.")
def command(document: str, url: str, token: str | None, variables: str) -> None:
    """Run DOCUMENT (GraphQL text, `-` for stdin) and print the data as JSON."""
    text = sys.stdin.read() if document == "-" else document
    try:
        values = msgspec.json.decode(variables, type=dict[str, Any])
        data = asyncio.run(_execute(text, url, token, values))
    except msgspec.MsgspecError as exc:
        raise click.BadParameter("not a JSON object", param_hint="--variables") from exc
    except TransportQueryError as exc:
        raise QueryFailedError(msgspec.json.encode(exc.errors).decode()) from exc
    except (TransportError, OSError) as exc:
        raise QueryFailedError(f"no answer from {url}: {exc}") from exc
    click.echo(msgspec.json.format(msgspec.json.encode(data)).decode())


async def _execute(
    text: str, url: str, token: str | None, variables: dict[str, Any]
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = AIOHTTPTransport(url=url, headers=headers)
    async with Client(transport=transport) as session:
        request = gql(text)
        request.variable_values = variables
        data: dict[str, Any] = await session.execute(request)
        return data
