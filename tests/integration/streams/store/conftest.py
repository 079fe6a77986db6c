"""What the tests of the ticket tables share."""

import pytest

from schemas.db.pool import Connection
from tests.ticket_records import Streams


@pytest.fixture
def streams(connection: Connection) -> Streams:
    """The handlers of a worker that has just started."""
    return Streams(connection)
