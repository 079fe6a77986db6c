"""A topic that keeps old lines, and a folder for a shipper's files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeTopic
from tests.servers import scratch_directory


@pytest.fixture
def topic(make_topic: MakeTopic) -> str:
    """A topic without retention: rsyslog's record time is the line's own, here years ago."""
    return make_topic("logs.raw", config={"retention.ms": "-1"})


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for config, state and sockets; a socket's path must be shorter than pytest's."""
    with scratch_directory() as path:
        yield path
