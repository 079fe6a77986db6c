"""Runs `aiops` with a wrong clock: `python -m tests.faults.shifted_clock SECONDS ARGUMENTS...`."""

import sys
import time

from aiops.cli import main


def shift_clock(by_s: float) -> None:
    """Have whoever asks for the time of day get another one; monotonic clocks go on as they are."""
    true_time, true_time_ns = time.time, time.time_ns

    def shifted() -> float:
        return true_time() + by_s

    def shifted_ns() -> int:
        return true_time_ns() + int(by_s * 1_000_000_000)

    time.time, time.time_ns = shifted, shifted_ns


if __name__ == "__main__":
    shift_clock(float(sys.argv.pop(1)))
    main()
