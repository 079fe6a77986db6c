"""Tickets and feedback on a broker of their own, and the worker's settings."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Sequence

import asyncpg
import msgspec

from aiops.replaying import ReplayReport
from aiops.topics import create_topics
from schemas.events import FeedbackEvent
from schemas.topics import TICKETS_RAW, TRIAGE_FEEDBACK
from tests.ledger import produce, read_topic, wait_until_stored
from tests.ticket_records import Payload
from tests.workers import ROOT, worker_settings

PARTITIONS = TICKETS_RAW.partitions


class TicketStream(msgspec.Struct, kw_only=True):
    """The ticket topics of a broker, and the database they are stored in."""

    bootstrap: str
    dsn: str

    def create_topics(self) -> None:
        """Make all topics that an interactive worker reads."""
        create_topics(self.bootstrap, log_topics=(), replication=1, partitions={})

    def settings(self) -> dict[str, str]:
        """Return a worker's settings."""
        return worker_settings(self.bootstrap, self.dsn, "logs.raw")

    def send_tickets(self, payloads: Sequence[Payload | bytes]) -> None:
        """Send tickets, or bytes that are none, to partitions by chance."""
        values = [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in payloads]
        produce(self.bootstrap, TICKETS_RAW.name, values)

    def send_feedback(self, events: Sequence[FeedbackEvent | bytes]) -> None:
        """Send feedback, or bytes that are none."""
        values = [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in events]
        produce(self.bootstrap, TRIAGE_FEEDBACK.name, values)

    def send_interleaved(
        self,
        payloads: Sequence[Payload | bytes],
        events: Sequence[FeedbackEvent | bytes],
        *,
        seed: int,
    ) -> None:
        """Send both in runs of lengths by chance."""
        chooser, tickets, feedback = random.Random(seed), list(payloads), list(events)
        while tickets or feedback:
            count = chooser.randrange(1, 30)
            self.send_tickets(tickets[:count])
            del tickets[:count]
            count = chooser.randrange(1, 20)
            self.send_feedback(feedback[:count])
            del feedback[:count]

    async def wait_until_stored(self) -> None:
        """Wait until both topics are stored to their ends."""
        for topic, partitions in ((TICKETS_RAW.name, PARTITIONS), (TRIAGE_FEEDBACK.name, 1)):
            truth = await asyncio.to_thread(read_topic, self.bootstrap, topic, partitions)
            await wait_until_stored(self.dsn, topic, truth)

    async def replay_tickets(self, *options: str) -> ReplayReport:
        """Run `aiops replay tickets.raw --json` and return its report."""
        command = [sys.executable, "-m", "aiops", "replay", TICKETS_RAW.name, "--json", *options]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            env=dict(os.environ) | self.settings(),
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        return msgspec.json.decode(done.stdout, type=ReplayReport)

    async def fetch(self, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        connection = await asyncpg.connect(self.dsn)
        rows = await connection.fetch(statement, *arguments)
        await connection.close()
        return [tuple(row) for row in rows]
