"""Folds the stored feedback anew, in a process of its own: `python -m tests.refold DSN`."""

import asyncio
import os
import subprocess
import sys

import asyncpg
import msgspec

from schemas.db.pool import Connection
from streams.domain.tickets.prepared import read_feedback_payload, read_ticket_payload
from streams.domain.triage.config import TriageConfig
from streams.domain.triage.model import TriageModel
from tests.workers import ROOT

SELECT_ALL_FEEDBACK = 'SELECT "offset", payload FROM feedback_events ORDER BY "offset"'
SELECT_ALL_TRIAGES = """
SELECT DISTINCT ticket_id, event.payload, document, feedback_offset
FROM ticket_triages AS triage JOIN ticket_events AS event USING (project, ticket_id, content_hash)
ORDER BY feedback_offset, ticket_id
"""
CANONICAL = msgspec.json.Encoder(order="sorted")


class Refolded(msgspec.Struct, frozen=True):
    """The state after all feedback, how many triages there are, and which came out otherwise."""

    state_hash: str
    triages: int
    different: list[str]


async def refold(connection: Connection) -> Refolded:
    """Make each triage again with the model of the feedback below its offset."""
    model, different = TriageModel(TriageConfig()), []
    feedback = [tuple(row) for row in await connection.fetch(SELECT_ALL_FEEDBACK)]
    triages = await connection.fetch(SELECT_ALL_TRIAGES)
    for row in triages:
        while feedback and feedback[0][0] < row["feedback_offset"]:
            model.learn(read_feedback_payload(feedback.pop(0)[1]))
        if CANONICAL.encode(model.predict(read_ticket_payload(row["payload"]))) != row["document"]:
            different.append(row["ticket_id"])
    for _, payload in feedback:
        model.learn(read_feedback_payload(payload))
    return Refolded(model.state_hash(), len(triages), different)


def refold_elsewhere(dsn: str, hash_seed: int) -> Refolded:
    """Return what a process with another hash seed finds."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.refold", dsn],
        env=dict(os.environ) | {"PYTHONHASHSEED": str(hash_seed)},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Refolded)


async def main() -> None:
    """Print what was found."""
    connection = await asyncpg.connect(sys.argv[1])
    found = await refold(connection)
    await connection.close()
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    asyncio.run(main())
