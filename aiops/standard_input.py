"""A child's life ends with the process that started it, which holds its standard input."""

import os
import signal
import sys
import threading


def end_with_standard_input() -> None:
    """Ask this process to stop once whoever holds the other end of its input is gone."""
    threading.Thread(target=_wait_and_stop, daemon=True).start()


def _wait_and_stop() -> None:
    # Not by sys.stdin: Python aborts at exit when a thread still waits for its buffer.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
