"""The schema: the features' root types, merged."""

from typing import Final

import strawberry
from graphql import GraphQLSchema, lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from graphql_api.admin import AdminMutation, AdminQuery
from graphql_api.changelog_live import ChangelogSubscription
from graphql_api.changelog_ranges import ChangelogRangeQuery
from graphql_api.commit_records import CommitMutation
from graphql_api.commits import CommitQuery
from graphql_api.log_lines import LogLineMutation, LogLineQuery
from graphql_api.log_live import LogSubscription
from graphql_api.log_summaries import LogSummaryQuery
from graphql_api.log_templates import LogTemplateQuery
from graphql_api.pipeline import PipelineQuery
from graphql_api.replay_requests import ReplayMutation
from graphql_api.replays import ReplayQuery, ReplaySubscription
from graphql_api.scalars import SCALARS
from graphql_api.session import SessionMutation, SessionQuery
from graphql_api.ticket_feedback import TriageMutation
from graphql_api.ticket_live import TicketSubscription
from graphql_api.ticket_queries import TicketQuery
from graphql_api.ticket_records import TicketMutation
from graphql_api.triage_quality import TriageQualityQuery


@strawberry.type(description="What can be asked.")
class Query(
    LogLineQuery,
    LogSummaryQuery,
    LogTemplateQuery,
    CommitQuery,
    ChangelogRangeQuery,
    TicketQuery,
    TriageQualityQuery,
    PipelineQuery,
    ReplayQuery,
    SessionQuery,
    AdminQuery,
):
    """What can be asked."""


@strawberry.type(description="What can be done.")
class Mutation(
    LogLineMutation,
    CommitMutation,
    TicketMutation,
    TriageMutation,
    ReplayMutation,
    SessionMutation,
    AdminMutation,
):
    """What can be done."""


@strawberry.type(description="What can be followed live.")
class Subscription(LogSubscription, ChangelogSubscription, TicketSubscription, ReplaySubscription):
    """What can be followed live."""


STRAWBERRY_SCHEMA: Final = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
)
# Strawberry describes the schema; graphql-core executes it (graphql_api/engine.py).
SCHEMA: Final[GraphQLSchema] = STRAWBERRY_SCHEMA._schema  # noqa: SLF001 - no public name


def schema_text() -> str:
    """Return the schema in its definition language, sorted, as in graphql_api/schema.graphql."""
    return print_schema(lexicographic_sort_schema(SCHEMA)) + "\n"
