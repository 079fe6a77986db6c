"""The local stack: Kafka and Postgres, given by address or embedded in a data directory."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from aiops.local.kafka import Kafka, start_kafka
from aiops.local.options import LocalOptions
from aiops.local.postgres import Postgres, start_postgres
from schemas.errors import ConfigError

LOCK_NAME: Final = "stack.lock"


class Stack:
    """Addresses of a running stack; `kafka` and `postgres` are None where one was given."""

    def __init__(
        self,
        resources: ExitStack,
        *,
        kafka_bootstrap: str,
        postgres_dsn: str,
        kafka: Kafka | None,
        postgres: Postgres | None,
    ) -> None:
        self._resources = resources
        self.kafka_bootstrap = kafka_bootstrap
        self.postgres_dsn = postgres_dsn
        self.kafka = kafka
        self.postgres = postgres

    def stop(self) -> None:
        """Stop what was started here and free the data directory. Repeating is safe."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def start_stack(data_dir: Path, options: LocalOptions) -> Stack:
    """Start what `options` does not give, with its data in `data_dir`; blocks until both answer.

    A second start finds the data and the ports again; servers left over by a killed owner are
    ended first. The servers end with this process, however it ends.

    Raises:
        ConfigError: the directory is in use, a port is taken, or a runtime is missing.
        JarError: Apache Kafka is not to be had.
        ServerStartError: a server did not come up; the message has its last lines.
    """
    with ExitStack() as undo:
        data_dir.mkdir(parents=True, exist_ok=True)
        undo.enter_context(own_directory(data_dir))
        postgres = kafka = None
        if not options.given_postgres:
            postgres = undo.enter_context(start_postgres(data_dir / "postgres", options))
        if not options.given_kafka:
            kafka = undo.enter_context(start_kafka(data_dir / "kafka", options))
        return Stack(
            undo.pop_all(),
            kafka_bootstrap=options.given_kafka or (kafka.bootstrap if kafka else ""),
            postgres_dsn=options.given_postgres or (postgres.dsn if postgres else ""),
            kafka=kafka,
            postgres=postgres,
        )


@contextlib.contextmanager
def own_directory(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this process alone.

    Raises:
        ConfigError: another process holds it.
    """
    descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            owner = (data_dir / LOCK_NAME).read_text(encoding="ascii")
            raise ConfigError(f"{data_dir} is in use by another `aiops` (pid {owner})") from exc
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)
