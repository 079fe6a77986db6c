"""Servers that are away end a command with one line, not with a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import AiOpsError, TransientError


@contextmanager
def told_absences() -> Iterator[None]:
    """Have a passing failure of Postgres told as such; what Kafka's clients raise is told already.

    Raises:
        TransientError: Postgres does not answer.
    """
    try:
        yield
    except Exception as exc:
        from streams.retrying import is_transient  # a fifth of a second, rarely needed

        if isinstance(exc, AiOpsError) or not is_transient(exc):
            raise
        raise TransientError(f"Postgres does not answer (AIOPS_POSTGRES_DSN): {exc!r}") from exc
