"""The logs worker beside its peers: `python -m bench.peers [NAME] [--lines N] [--processes N...]`.

Same lines, broker and database server; 4 partitions, one or more processes of each. While lines are
sent a lock keeps all of them from storing, so that each works off the same backlog. Counted are CPU
microseconds a line, of the processes and of Postgres, and rows a second of the clock (the machine
may have other work), between a tenth of the lines and nearly all.

Quix Streams comes into an environment of its own, made for the run.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import psutil
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from bench.stream_peers import TABLES
from bench.streams import PARTITIONS, PEER, Place, fresh_place, lines, produce_lines
from tests.conftest import execute
from tests.faults.log_stream import WRITERS
from tests.ledger import total
from tests.servers import kafka_address, postgres_address
from tests.workers import worker_settings

LINES: Final = 400_000
# The last rows of a plain agent wait for more.
FIRST_SHARE, LAST_SHARE = 0.1, 0.98
POLL_S: Final = 0.2
PATIENCE_S: Final = 300.0
QUIX: Final = Path(__file__).parent / "quix"
ROW_COUNT: Final = "SELECT count(*) FROM peer_rows"


class Contestant(NamedTuple):
    """What takes part: its consumer group, how far it has come, and what it writes last."""

    name: str
    group: str
    table: str
    stored: str
    # At their speed all lines would take minutes.
    share_of_lines: float = 1.0


CONTESTANTS: Final = (
    Contestant(
        "ours", "group-logs", "stream_offsets", "SELECT sum(next_offset) FROM stream_offsets"
    ),
    Contestant("bare", "bare", "peer_rows", "SELECT sum(next) FROM peer_watermarks"),
    Contestant("quix", "quix", "peer_rows", ROW_COUNT, share_of_lines=0.25),
    Contestant("faust", "faust", "peer_rows", ROW_COUNT, share_of_lines=0.1),
)
TITLES: Final = {
    "ours": "logs worker",
    "bare": "confluent-kafka + psycopg COPY",
    "quix": "Quix Streams + PostgreSQLSink",
    "faust": "plain Faust agent",
}


class Cost(NamedTuple):
    """CPU seconds a line of the processes and of Postgres; rows a second."""

    peer_s: float
    postgres_s: float
    rows_per_s: float


def command_of(name: str, place: Place, quix_python: str, slot: int) -> Sequence[str]:
    if name == "ours":
        return (sys.executable, "-m", "aiops", "worker", "logs", "--slot", str(slot))
    if name == "quix":
        return (quix_python, str(QUIX / "peer.py"), *place)
    return (sys.executable, "-m", "bench.streams", PEER, name, *place, str(sys.maxsize))


@contextmanager
def running(
    contestant: Contestant, place: Place, quix_python: str, processes: int
) -> Iterator[list[psutil.Popen]]:
    """Yield the processes, all of which have their partitions."""
    settings = worker_settings(place.bootstrap, place.dsn, place.topic)
    del settings["AIOPS_FETCH_MIN_BYTES"]
    started: list[psutil.Popen] = []
    try:
        for slot in range(processes):
            command = command_of(contestant.name, place, quix_python, slot)
            environ = settings if contestant.name == "ours" else {}
            started.append(
                psutil.Popen(
                    command,
                    env={**psutil.Process().environ(), **environ},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        wait_for_members(contestant, place, started)
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.wait()


def wait_for_members(
    contestant: Contestant, place: Place, processes: Sequence[psutil.Popen]
) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=place.bootstrap)) as admin:
        group = f"{place.topic}.{contestant.group}"
        wait_until(lambda: is_shared(admin, group, len(processes)), processes)
    if contestant.name == "ours":
        wait_until(lambda: asyncio.run(total(place.dsn, WRITERS)) == len(processes), processes)


def is_shared(admin: KafkaAdminClient, group: str, processes: int) -> bool:
    try:
        found = admin.describe_groups([group])[group]
    except KafkaError:
        # A new broker has no coordinators yet.
        return False
    return found["group_state"] == "Stable" and len(found["members"]) == processes


def wait_until(is_true: Callable[[], bool], processes: Sequence[psutil.Popen]) -> float:
    """Return when it became true, by the clock; the processes must live."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(POLL_S)
    return time.monotonic()


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))


def postgres_cpu_s(postmaster: psutil.Process) -> float:
    """Return the CPU time of the server's processes, also of those that have ended."""
    ended = sum(postmaster.cpu_times()[:4])
    return float(ended + cpu_s(postmaster.children()))


async def produce_behind_lock(place: Place, table: str, count: int) -> None:
    """Send the lines while nobody can store one."""
    connection = await asyncpg.connect(place.dsn)
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        await asyncio.to_thread(produce_lines, place, lines(count))
    await connection.close()


async def postmaster_of(dsn: str) -> psutil.Process:
    connection = await asyncpg.connect(dsn)
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    postmaster = backend.parent()
    await connection.close()
    assert postmaster is not None
    return postmaster


def measure(
    contestant: Contestant, place: Place, quix_python: str, processes: int, count: int
) -> Cost:
    def stored() -> int:
        return asyncio.run(total(place.dsn, contestant.stored))

    if contestant.name in TABLES:
        asyncio.run(execute(place.dsn, TABLES[contestant.name]))
    postmaster = asyncio.run(postmaster_of(place.dsn))
    with running(contestant, place, quix_python, processes) as peers:
        before, postgres_before = cpu_s(peers), postgres_cpu_s(postmaster)
        asyncio.run(produce_behind_lock(place, contestant.table, count))
        begun = wait_until(lambda: stored() >= FIRST_SHARE * count, peers)
        first = stored()
        ended = wait_until(lambda: stored() >= LAST_SHARE * count, peers)
        last = stored()
        return Cost(
            peer_s=(cpu_s(peers) - before) / last,
            postgres_s=(postgres_cpu_s(postmaster) - postgres_before) / last,
            rows_per_s=(last - first) / max(ended - begun, POLL_S),
        )


def make_quix_environment(home: Path) -> str:
    """Install Quix Streams and return its Python.

    Raises:
        CalledProcessError: it can't be had here.
    """
    uv = [sys.executable, "-m", "uv"]
    python = home / "bin" / "python"
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(home)], check=True)
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", str(python), "-r", QUIX / "requirements.txt"],
        check=True,
    )
    return str(python)


def print_row(contestant: Contestant, processes: int, cost: Cost, ours: Cost) -> None:
    whole = cost.peer_s + cost.postgres_s
    times = whole / (ours.peer_s + ours.postgres_s)
    print(
        f"{TITLES[contestant.name]:32} {processes:9} {cost.peer_s * 1e6:8.1f} "
        f"{cost.postgres_s * 1e6:8.1f} {times:8.2f} {cost.rows_per_s:10,.0f}",
        flush=True,
    )


def quix_environment(resources: ExitStack) -> str | None:
    """Install Quix Streams and return its Python; None where it can't be had."""
    home = Path(resources.enter_context(tempfile.TemporaryDirectory()))
    try:
        return make_quix_environment(home)
    except subprocess.CalledProcessError:
        print("Quix Streams can't be installed here: left out")
        return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(TITLES))
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    chosen = [one for one in CONTESTANTS if one.name in {"ours", *given.names}]
    with ExitStack() as resources:
        quix_python = quix_environment(resources) if "quix" in given.names else None
        servers = kafka_address(resources), postgres_address(resources)
        print(f"{PARTITIONS} partitions, up to {given.lines} lines; CPU microseconds a line")
        print(f"{'':32} processes  process Postgres   x ours     rows/s")
        for processes in given.processes:
            ours = None
            for contestant in chosen:
                if contestant.name == "quix" and quix_python is None:
                    continue
                count = int(given.lines * contestant.share_of_lines)
                with fresh_place(*servers) as place:
                    cost = measure(contestant, place, quix_python or "", processes, count)
                ours = ours or cost
                print_row(contestant, processes, cost, ours)


if __name__ == "__main__":
    main()
