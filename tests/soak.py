"""How long the long tests go on, and the seed that all their chance comes from."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from time import monotonic

# Both are documented in the Makefile.
SEED_NAME = "AIOPS_SOAK_SEED"
SECONDS_NAME = "AIOPS_SOAK_SECONDS"
USUAL_SEED = 1
USUAL_SECONDS = 300.0


def soak_seed() -> int:
    """Return the seed that was asked for."""
    return int(os.environ.get(SEED_NAME, USUAL_SEED))


def soak_seconds() -> float:
    """Return for how long a soak test is to go on."""
    return float(os.environ.get(SECONDS_NAME, USUAL_SECONDS))


def seeds_for(seconds: float) -> Iterator[int]:
    """Yield one seed after another, from the one asked for on, until the time is over."""
    deadline = monotonic() + seconds
    for seed in count(soak_seed()):
        yield seed
        if monotonic() > deadline:
            return


@contextmanager
def told_on_failure(story: Sequence[str], seed: int) -> Iterator[None]:
    """Print how to get there again, when it goes wrong."""
    try:
        yield
    except BaseException:
        sys.stderr.write("\n".join([f"--- {SEED_NAME}={seed}", *story, ""]))
        raise
