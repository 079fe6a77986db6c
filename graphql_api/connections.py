"""Connections: pages of a list by keyset, as Relay has them."""

from typing import Annotated, Generic, TypeAlias, TypeVar

import strawberry

_N = TypeVar("_N")

First: TypeAlias = Annotated[int, strawberry.argument(description="How many to return: 1 to 500.")]
After: TypeAlias = Annotated[
    str | None,
    strawberry.argument(description="The `endCursor` of the page before; null for the first page."),
]


@strawberry.type(description="Where a page ends and whether more follow.")
class PageInfo:
    """Where a page ends and whether more follow."""

    has_next_page: bool = strawberry.field(description="Whether more rows follow this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether this is not the first page; lists are walked forwards only."
    )
    start_cursor: str | None = strawberry.field(description="The cursor of the first row.")
    end_cursor: str | None = strawberry.field(
        description="The cursor to give as `after` for the next page."
    )


@strawberry.type(description="A row of a list with its cursor.")
class Edge(Generic[_N]):
    """A row of a list with its cursor."""

    cursor: str = strawberry.field(description="The row's place in the list.")
    node: _N = strawberry.field(description="The row.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[_N]):
    """A page of a list."""

    edges: list[Edge[_N]] = strawberry.field(description="The rows, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where the page ends.")


def page_info(cursors: list[str], *, has_next: bool, after: str | None) -> PageInfo:
    """Return the page info of rows with these cursors."""
    return PageInfo(
        has_next_page=has_next,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else after,
    )


def connection_of(
    nodes: list[_N], cursors: list[str], *, has_next: bool, after: str | None
) -> Connection[_N]:
    """Return the connection over rows and their cursors."""
    return Connection(
        edges=[Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)],
        page_info=page_info(cursors, has_next=has_next, after=after),
    )
