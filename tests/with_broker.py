"""`python -m tests.with_broker COMMAND ...`: run a command whose processes share one broker.

Each worker of xdist would start its own, and a broker costs a twentieth of a core while it is idle.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from tests.servers import NoServerError, kafka_address


def run(command: Sequence[str]) -> int:
    """Return the command's exit status; without a broker it runs too, and says what it misses."""
    with ExitStack() as resources:
        environ = dict(os.environ)
        with suppress(NoServerError):
            environ["AIOPS_TEST_KAFKA"] = kafka_address(resources)
        process = subprocess.Popen(command, env=environ)
        # The terminal sends Ctrl-C to both: the broker outlives the command.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
