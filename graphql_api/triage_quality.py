"""The query `triageQuality`: how right the triage was, and how well it knew."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Final

import strawberry

from graphql_api.context import Info
from graphql_api.errors import ApiError, ErrorCode
from graphql_api.scalars import Instant, Long, instant_ns
from graphql_api.store.triage_quality import DecileRow, QualityFilter, select_deciles
from graphql_api.tickets import Project

_MAX_ROWS: Final = 10_000
_BEGINNING_NS: Final = -(2**63)


@strawberry.type(description="Answers whose confidence lay in one tenth.")
class CalibrationDecile:
    """Answers whose confidence lay in one tenth."""

    lower: float = strawberry.field(description="The least confidence: 0, 0.1 ... 0.9.")
    count: Long = strawberry.field(description="How many answers there were.")
    mean_confidence: float = strawberry.field(description="How sure they were, 0 to 1.")
    accuracy: float = strawberry.field(description="The share that was right, 0 to 1.")


@strawberry.type(description="What became of a field's answers that people then judged.")
class TriageQuality:
    """What became of a field's answers that people then judged."""

    project: str = strawberry.field(description="The project.")
    field: str = strawberry.field(description="The field.")
    outcomes: Long = strawberry.field(description="How many answers were judged.")
    confirmations: Long = strawberry.field(
        description="Of these, by confirmation; people confirm what is right, so mind the share."
    )
    accuracy: float = strawberry.field(description="The share that was right, 0 to 1.")
    human_share: float = strawberry.field(description="The share left to people, 0 to 1.")
    automatic_accuracy: float | None = strawberry.field(
        description="The share that was right of those not left to people; null if all were."
    )
    calibration_error: float = strawberry.field(
        description="Mean distance of confidence and accuracy over the tenths, by their answers."
    )
    deciles: list[CalibrationDecile] = strawberry.field(
        description="The answers by tenth of confidence, lowest first; empty tenths are left out."
    )

    @classmethod
    def from_rows(cls, rows: Sequence[DecileRow]) -> "TriageQuality":
        """Return the quality of one project's field from its tenths, lowest first."""
        outcomes = sum(row.outcomes for row in rows)
        automatic = outcomes - sum(row.for_humans for row in rows)
        distance = sum(abs(row.confidence_sum - row.right) for row in rows)
        return cls(
            project=rows[0].project,
            field=rows[0].field,
            outcomes=Long(outcomes),
            confirmations=Long(sum(row.confirmations for row in rows)),
            accuracy=sum(row.right for row in rows) / outcomes,
            human_share=1 - automatic / outcomes,
            automatic_accuracy=(
                sum(row.automatic_right for row in rows) / automatic if automatic else None
            ),
            calibration_error=distance / outcomes,
            deciles=[
                CalibrationDecile(
                    lower=row.decile / 10,
                    count=Long(row.outcomes),
                    mean_confidence=row.confidence_sum / row.outcomes,
                    accuracy=row.right / row.outcomes,
                )
                for row in rows
            ],
        )


def _field_of(row: DecileRow) -> tuple[str, str]:
    return row.project, row.field


@strawberry.type
class TriageQualityQuery:
    """The query over the quality of triage."""

    @strawberry.field(
        description="What became of the triage's answers, by project and field: each answer is "
        "what the model said just before it learned what a person said."
    )
    async def triage_quality(
        self,
        info: Info,
        project: Project = None,
        field: Annotated[
            str | None, strawberry.argument(description="Only this field; null for all.")
        ] = None,
        since: Annotated[
            Instant | None, strawberry.argument(description="Only what was judged from then on.")
        ] = None,
    ) -> list[TriageQuality]:
        """Return the quality by project and field."""
        wanted = QualityFilter(
            project=project,
            field=field,
            since_ns=_BEGINNING_NS if since is None else instant_ns(since),
        )
        rows = await select_deciles(info.context.services.database, wanted, _MAX_ROWS + 1)
        if len(rows) > _MAX_ROWS:
            raise ApiError(ErrorCode.QUERY_TOO_BROAD, "too many fields: name a project")
        return [TriageQuality.from_rows(list(group)) for _, group in groupby(rows, _field_of)]
