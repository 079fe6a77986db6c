"""The servers of the integration tests: given by address, else embedded, else in Docker."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from aiops.local.jars import JarError
from aiops.local.kafka import Kafka, start_kafka
from aiops.local.kafka_config import SMALL_BROKER
from aiops.local.metadata import broker_count
from aiops.local.options import LocalOptions, options_from
from aiops.local.ports import LOOPBACK, free_port
from aiops.local.postgres import Postgres, start_postgres
from aiops.local.processes import is_locked, ticks
from schemas.errors import AiOpsError, ConfigError

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:17"
CONTAINER_START_S = 120.0
# Locked for as long as the session lives that made the directory.
OWNER_LOCK = "owner.lock"
# Linux keeps it in memory. Each test makes and drops a database of 500 files, which on a disk may
# be most of what Postgres does.
MEMORY = Path("/dev/shm")  # noqa: S108 - names in it are mkdtemp's
# Some times what the databases and the logs of all workers take.
MEMORY_ROOM_BYTES = 2 * 2**30
# Not among them: a server that was there and did not start is a failure.
NOT_TO_BE_HAD = (ConfigError, JarError)
GIVEN_TO_THE_PRODUCT = ("AIOPS_KAFKA_BOOTSTRAP", "AIOPS_POSTGRES_DSN")
# Nobody cuts the power of a test machine; killed processes lose nothing either way.
FAST_POSTGRES = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    # It may lie in memory.
    "max_wal_size": "256MB",
}


class NoServerError(Exception):
    """No way to a server works on this machine; the text says what was tried."""


def local_options() -> LocalOptions:
    """Return the machine's options, without servers that its owner has given to the product."""
    environ = os.environ.items()
    return options_from({name: text for name, text in environ if name not in GIVEN_TO_THE_PRODUCT})


def roomy_memory() -> Path | None:
    """Return a directory in memory if there is room for databases, else None."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    room = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    return MEMORY if room >= MEMORY_ROOM_BYTES else None


@contextmanager
def scratch_directory(under: Path | None = None) -> Iterator[Path]:
    """Yield a directory that an unprivileged server may enter; pytest's own are closed to it.

    It lies under `under`, else where temporary files do. Those of sessions that were killed are
    removed first.
    """
    remove_leftovers()
    made = Path(tempfile.mkdtemp(prefix="aiops-new-", dir=under))
    made.chmod(0o755)
    with (made / OWNER_LOCK).open("wb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        # It gets the name that others look for once it is locked.
        path = made.rename(made.with_name(made.name.replace("new", "test", 1)))
        home = path / "home"
        home.mkdir()
        home.chmod(0o755)
        try:
            yield home
        finally:
            shutil.rmtree(path, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the scratch directories whose owner is gone: the kernel has freed their locks."""
    for place in (Path(tempfile.gettempdir()), MEMORY):
        for path in place.glob("aiops-test-*"):
            lock = path / OWNER_LOCK
            if lock.exists() and not is_locked(lock):
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def embedded_kafka(
    *, nodes: int = 1, overrides: Mapping[str, str] | None = None
) -> Iterator[Kafka]:
    """Yield a broker or a cluster of its own; it may be killed and restarted."""
    with (
        scratch_directory() as home,
        start_kafka(home, local_options(), nodes=nodes, overrides=overrides) as kafka,
    ):
        yield kafka


@contextmanager
def embedded_postgres(
    settings: Mapping[str, str] | None = None, *, under: Path | None = None
) -> Iterator[Postgres]:
    """Yield a server of its own, with its data under `under`; it may be killed and restarted."""
    with (
        scratch_directory(under) as home,
        start_postgres(
            home / "postgres", local_options(), settings=FAST_POSTGRES | dict(settings or {})
        ) as postgres,
    ):
        yield postgres


def kafka_address(resources: ExitStack) -> str:
    """Return a broker's address: AIOPS_TEST_KAFKA, else embedded, else in Docker.

    Raises:
        NoServerError: none of the three is to be had.
    """
    if given := os.environ.get("AIOPS_TEST_KAFKA"):
        return given
    try:
        return resources.enter_context(embedded_kafka()).bootstrap
    except NOT_TO_BE_HAD as exc:
        return resources.enter_context(_kafka_container(exc))


def postgres_address(resources: ExitStack) -> str:
    """Return the DSN of a server where databases may be made, chosen like the broker."""
    if given := os.environ.get("AIOPS_TEST_POSTGRES"):
        return given
    try:
        return resources.enter_context(embedded_postgres(under=roomy_memory())).dsn
    except NOT_TO_BE_HAD as exc:
        return resources.enter_context(_postgres_container(exc))


@contextmanager
def _kafka_container(why: AiOpsError) -> Iterator[str]:
    port = free_port()
    container = _container(KAFKA_IMAGE, why).with_bind_ports(9092, port)
    for name, value in container_properties(port).items():
        container.with_env(name, value)
    with container:
        for _ in ticks(CONTAINER_START_S):
            if broker_count(port):
                break
        yield f"{LOOPBACK}:{port}"


def container_properties(port: int) -> dict[str, str]:
    """Return the image's environment for a single node that clients reach at `port`."""
    properties = SMALL_BROKER | {
        "node.id": "1",
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in properties.items()}


@contextmanager
def _postgres_container(why: AiOpsError) -> Iterator[str]:
    port = free_port()
    from testcontainers.core.waiting_utils import wait_for_logs

    container = _container(POSTGRES_IMAGE, why).with_bind_ports(5432, port)
    container.with_env("POSTGRES_USER", "aiops").with_env("POSTGRES_PASSWORD", "aiops")
    with container:
        # The image starts a first, socket-only server to initialise: the port opens after it.
        wait_for_logs(container, "listening on IPv4 address", timeout=CONTAINER_START_S)
        yield f"postgresql://aiops:aiops@{LOOPBACK}:{port}/aiops"


def _container(image: str, why: AiOpsError) -> "DockerContainer":
    from docker.errors import DockerException
    from testcontainers.core.container import DockerContainer

    try:
        return DockerContainer(image)
    except DockerException as exc:
        raise NoServerError(f"{why}; and no Docker engine answers") from exc
