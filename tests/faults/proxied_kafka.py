"""A broker that some clients reach through a proxy on loopback, and the others as usual."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from aiops.local.kafka import Kafka, start_kafka
from aiops.local.kafka_config import claim_nodes, node_properties
from aiops.local.ports import LOOPBACK, free_port
from tests.faults.proxy import TcpProxy
from tests.servers import local_options, scratch_directory


class ProxiedKafka(msgspec.Struct, frozen=True, kw_only=True):
    """A broker with two addresses, and the proxy before the second one."""

    kafka: Kafka
    proxy: TcpProxy

    @property
    def bootstrap(self) -> str:
        """The address through the proxy."""
        return f"{LOOPBACK}:{self.proxy.port}"


@contextmanager
def proxied_kafka() -> Iterator[ProxiedKafka]:
    """Yield a broker of its own.

    Clients go on with the address that a broker advertises: it has a second listener, which
    advertises the proxy's port.
    """
    behind = free_port()
    proxy = TcpProxy(LOOPBACK, behind)
    proxy.start()
    try:
        with scratch_directory() as home:
            # The start finds the same ports again.
            (node,) = claim_nodes(home, count=1, port=0)
            values = node_properties(node, (node,))
            second = {
                "listeners": f"PROXIED://{LOOPBACK}:{behind}",
                "advertised.listeners": f"PROXIED://{LOOPBACK}:{proxy.port}",
                "listener.security.protocol.map": "PROXIED:PLAINTEXT",
            }
            overrides = {name: f"{values[name]},{text}" for name, text in second.items()}
            with start_kafka(home, local_options(), overrides=overrides) as kafka:
                yield ProxiedKafka(kafka=kafka, proxy=proxy)
    finally:
        proxy.stop()
