"""Apache Kafka itself as child processes: a node, or a small cluster for the fault tests."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from aiops.local.kafka_config import claim_nodes, prepare_home, prepare_runtime
from aiops.local.metadata import broker_count
from aiops.local.options import LocalOptions
from aiops.local.ports import LOOPBACK, is_free
from aiops.local.processes import ServerProcess
from schemas.errors import ConfigError

START_TIMEOUT_S: Final = 90.0


class KafkaNode:
    """One broker and controller; its address and data outlive stop, kill and restart."""

    def __init__(self, *, node_id: int, home: Path, port: int, command: tuple[str, ...]) -> None:
        self.node_id = node_id
        self.port = port
        self._command = command
        self.process = ServerProcess(f"kafka node {node_id}", home, stop_signal=signal.SIGTERM)

    @property
    def bootstrap(self) -> str:
        """This broker's address."""
        return f"{LOOPBACK}:{self.port}"

    def launch(self) -> None:
        """Start the process without waiting.

        Raises:
            ConfigError: another program has taken the port.
        """
        self.process.end_leftover()
        if not is_free(self.port):
            raise ConfigError(f"port {self.port} on {LOOPBACK}, wanted for Kafka, is in use")
        self.process.start(self._command)

    def wait_until_ready(self, *, brokers: int = 1) -> None:
        """Return once this broker's metadata shows that many brokers."""
        self.process.wait_until_ready(
            lambda: broker_count(self.port) >= brokers, timeout_s=START_TIMEOUT_S
        )

    def start(self) -> None:
        """Start and wait until it answers."""
        self.launch()
        self.wait_until_ready()

    def stop(self) -> None:
        """End in order."""
        self.process.stop()

    def kill(self) -> None:
        """Kill with SIGKILL."""
        self.process.kill()

    def restart(self) -> None:
        """Stop if it runs, start with the same port and data, wait until it answers."""
        self.stop()
        self.start()


class Kafka:
    """A running cluster, usually of one node."""

    def __init__(self, nodes: tuple[KafkaNode, ...]) -> None:
        self.nodes = nodes

    @property
    def bootstrap(self) -> str:
        """The brokers' addresses, comma-separated."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> None:
        """Start all nodes and wait until each one sees all of them."""
        try:
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.wait_until_ready(brokers=len(self.nodes))
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End all nodes in order."""
        # Together: a node alone would wait in vain for a quorum to resign to.
        for node in self.nodes:
            node.process.send_signal(signal.SIGTERM)
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """Kill all nodes with SIGKILL."""
        for node in self.nodes:
            node.kill()

    def restart(self) -> None:
        """Stop what runs; start all with the same ports and data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def start_kafka(
    data_dir: Path,
    options: LocalOptions,
    *,
    nodes: int = 1,
    overrides: Mapping[str, str] | None = None,
) -> Kafka:
    """Start a cluster whose data lies in `data_dir`; a first start formats it.

    The caller makes sure that it is the only one to use `data_dir`. `overrides` are server
    properties that win over ours.

    Raises:
        ConfigError: no Java, no jars' address, or a given port is taken.
        JarError: a jar is not to be had or is not the locked one.
        ServerStartError: a node did not come up; the message has its last lines.
    """
    if options.kafka_port and nodes > 1:
        raise ConfigError("one port can't be given to several nodes")
    runtime = prepare_runtime(options)
    data_dir.mkdir(parents=True, exist_ok=True)
    layout = claim_nodes(data_dir, count=nodes, port=options.kafka_port)
    kafka = Kafka(
        tuple(
            KafkaNode(
                node_id=node.node_id,
                home=node.home,
                port=node.broker_port,
                command=prepare_home(node, layout, runtime, overrides or {}),
            )
            for node in layout
        )
    )
    kafka.start()
    return kafka
