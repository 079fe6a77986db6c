"""What lists of tickets look up besides their rows: one statement for all of a request."""

from strawberry.dataloader import DataLoader

from graphql_api.store.database import Database
from graphql_api.store.tickets import (
    AlertKey,
    AlertRow,
    AnswerRow,
    TicketKey,
    select_alert_groups,
    select_answers,
)


class TicketLoaders:
    """The loaders of a request; nothing is kept, for a subscription lives long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.alert_groups: DataLoader[AlertKey, AlertRow | None] = DataLoader(
            self._load_groups, cache=False
        )
        self.answers: DataLoader[TicketKey, list[AnswerRow]] = DataLoader(
            self._load_answers, cache=False
        )

    async def _load_groups(self, keys: list[AlertKey]) -> list[AlertRow | None]:
        # Tickets of one group ask for the same; the statement is to count it once.
        found = await select_alert_groups(self._database, sorted(set(keys)))
        return [found.get(key) for key in keys]

    async def _load_answers(self, keys: list[TicketKey]) -> list[list[AnswerRow]]:
        found = await select_answers(self._database, sorted(set(keys)))
        return [found.get(key, []) for key in keys]
