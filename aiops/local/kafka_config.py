"""A small Kafka node before its start: its properties and its formatted data directory."""

import base64
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from aiops.local.jars import appearing_file, ensure_jars, locked_jars
from aiops.local.java import Java, bundled_java, find_java
from aiops.local.options import LocalOptions
from aiops.local.ports import LOOPBACK, claim_ports
from aiops.local.processes import ServerStartError
from schemas.topics import MAX_RECORD_BYTES

VERSION: Final = "4.3.1"
HEAP_MB: Final = 384
FORMAT_TIMEOUT_S: Final = 120.0
# What StorageTool writes beside meta.properties: without it a broker's features stay unfinalised.
CHECKPOINT: Final = "bootstrap.checkpoint"
CHECKPOINT_TEMPLATE: Final = f"bootstrap-{VERSION}.checkpoint"
MAX_REPLICATION: Final = 3
# The nodes of a cluster must agree on it; clusters are told apart by their ports.
CLUSTER_ID: Final = "YWlvcHMtbG9jYWwta2Fma2"

LOG4J_FILE: Final = "log4j2.properties"
LOG4J: Final = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""

SMALL_BROKER: Final = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(MAX_RECORD_BYTES),
    "replica.fetch.max.bytes": str(MAX_RECORD_BYTES),
    "num.partitions": "1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "8388608",
    # Else a broker killed with -9 may not register again before its old session is over: 9 s.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Where one node of a cluster lives and listens."""

    node_id: int
    home: Path
    broker_port: int
    controller_port: int

    @property
    def scratch(self) -> Path:
        """Where Java unpacks libraries."""
        return self.home / "tmp"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Java and the jars: enough to run a class of Kafka's."""

    java: Java
    jars: tuple[Path, ...]
    cache: Path

    @property
    def checkpoint(self) -> Path:
        """The formatting template."""
        return self.cache / CHECKPOINT_TEMPLATE

    @property
    def archive(self) -> Path:
        """The classes that a broker loads, made once by `aiops.local.prepare`."""
        return self.cache / f"classes-{VERSION}-{self.java.fingerprint}"

    def command(self, node: Node, main_class: str, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs `main_class` with the node's logging set-up."""
        # Halves the CPU of a start.
        reading = (self.java.reading_flag(self.archive),) if self.archive.exists() else ()
        return (
            *self.java.command(heap_mb=HEAP_MB),
            *reading,
            f"-Dlog4j2.configurationFile={node.home / LOG4J_FILE}",
            f"-Djava.io.tmpdir={node.scratch}",
            "-cp",
            os.pathsep.join(str(jar) for jar in self.jars),
            main_class,
            *arguments,
        )


def prepare_runtime(options: LocalOptions) -> Runtime:
    """Find Java, fetch what is missing of Kafka, and make the formatting template once.

    Raises:
        ConfigError: no Java, or no address of a repository.
        JarError: a jar is not to be had or is not the locked one.
        ServerStartError: Kafka's own formatting failed.
    """
    java = find_java(
        java_home=options.java_home, search_path=options.search_path, bundled=bundled_java()
    )
    jars = ensure_jars(locked_jars(), options.kafka_cache, options.maven_repository)
    runtime = Runtime(java=java, jars=jars, cache=options.kafka_cache)
    if not runtime.checkpoint.exists():
        _make_template(runtime)
    return runtime


def claim_nodes(data_dir: Path, *, count: int, port: int) -> tuple[Node, ...]:
    """Return the nodes with their ports: given, found again, or free."""
    given = {}
    for node_id in range(1, count + 1):
        given[f"kafka broker {node_id}"] = port
        given[f"kafka controller {node_id}"] = 0
    ports = claim_ports(data_dir / "ports.json", given)
    return tuple(
        Node(
            node_id=node_id,
            home=(data_dir / f"node-{node_id}").resolve(),
            broker_port=ports[f"kafka broker {node_id}"],
            controller_port=ports[f"kafka controller {node_id}"],
        )
        for node_id in range(1, count + 1)
    )


def prepare_home(
    node: Node, nodes: tuple[Node, ...], runtime: Runtime, overrides: Mapping[str, str]
) -> tuple[str, ...]:
    """Write the node's files, format its data directory once; return the command that starts it."""
    # What a killed process has left: libraries that it unpacked.
    shutil.rmtree(node.scratch, ignore_errors=True)
    node.scratch.mkdir(parents=True)
    values = node_properties(node, nodes) | dict(overrides)
    properties = write_files(node, values)
    _format(node, runtime)
    return runtime.command(node, "kafka.Kafka", str(properties))


def write_files(node: Node, values: Mapping[str, str]) -> Path:
    """Write the logging set-up and the server properties; return the latter's path."""
    (node.home / LOG4J_FILE).write_text(LOG4J, encoding="utf-8")
    properties = node.home / "server.properties"
    lines = (f"{name}={value}\n" for name, value in values.items())
    properties.write_text("".join(lines), encoding="utf-8")
    return properties


def node_properties(node: Node, nodes: tuple[Node, ...]) -> dict[str, str]:
    """Return the server properties of one node of a cluster on loopback."""
    voters = ",".join(f"{each.node_id}@{LOOPBACK}:{each.controller_port}" for each in nodes)
    replication = str(min(len(nodes), MAX_REPLICATION))
    in_sync = str(min(len(nodes), MAX_REPLICATION - 1))
    return SMALL_BROKER | {
        "node.id": str(node.node_id),
        "log.dirs": str(node.home / "data"),
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{LOOPBACK}:{node.broker_port}"
        f",CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{node.broker_port}",
        "default.replication.factor": replication,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replication,
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def _format(node: Node, runtime: Runtime) -> None:
    """Lay the two files that Kafka's StorageTool would write, without its second of Java."""
    data = node.home / "data"
    if (data / "meta.properties").exists():
        return
    data.mkdir(exist_ok=True)
    with appearing_file(data / CHECKPOINT) as checkpoint:
        checkpoint.write(runtime.checkpoint.read_bytes())
    # Last: its presence says that the directory is whole.
    with appearing_file(data / "meta.properties") as meta:
        meta.write(meta_properties(node.node_id, directory_id=uuid.uuid4()))


def meta_properties(node_id: int, *, directory_id: uuid.UUID) -> bytes:
    """Return the file by which Kafka knows a data directory as its own."""
    directory = base64.urlsafe_b64encode(directory_id.bytes).decode().rstrip("=")
    return (
        f"version=1\ncluster.id={CLUSTER_ID}\nnode.id={node_id}\ndirectory.id={directory}\n"
    ).encode()


def _make_template(runtime: Runtime) -> None:
    """Run StorageTool once, in a scratch directory, and keep the checkpoint that it writes."""
    with tempfile.TemporaryDirectory(dir=runtime.cache) as scratch:
        node = Node(node_id=1, home=Path(scratch), broker_port=1, controller_port=2)
        properties = write_files(node, node_properties(node, (node,)))
        arguments = ("format", "--cluster-id", CLUSTER_ID, "--config", str(properties))
        command = runtime.command(node, "kafka.tools.StorageTool", *arguments)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False
        )
        written = node.home / "data" / CHECKPOINT
        if done.returncode or not written.exists():
            raise ServerStartError(f"Kafka's formatting failed:\n{done.stdout}{done.stderr}")
        with appearing_file(runtime.checkpoint) as checkpoint:
            checkpoint.write(written.read_bytes())
