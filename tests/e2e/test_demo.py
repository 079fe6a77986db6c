"""`aiops demo`, as a newcomer runs it."""

import re
import subprocess
import sys
from typing import Final

from aiops.cli import EXIT_USAGE
from tests.conftest import skip_or_fail
from tests.e2e.product import without_settings
from tests.workers import ROOT

TIMEOUT_S: Final = 240


def test_the_demo_shows_summaries_that_add_up_and_ends_well() -> None:
    done = subprocess.run(
        (sys.executable, "-m", "aiops", "demo"),
        env=without_settings(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    if done.returncode == EXIT_USAGE:
        skip_or_fail(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^servers, workers and API up after [\d.]+ s$", done.stdout, re.MULTILINE)
    assert re.search(r"^first summary after [\d.]+ s$", done.stdout, re.MULTILINE)
    counted = re.search(r"(\d+) lines sent, (\d+) in (\d+) window summaries", done.stdout)
    assert counted is not None
    assert int(counted[1]) == int(counted[2]) > 0
    assert int(counted[3]) > 1
