"""Fetch and warm up what the embedded servers need: `python -m aiops.local.prepare`, once.

A start does without: it fetches what is missing itself, and is slower without the class archive.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from aiops.local.kafka import KafkaNode
from aiops.local.kafka_config import (
    VERSION,
    Runtime,
    claim_nodes,
    prepare_home,
    prepare_runtime,
)
from aiops.local.options import LocalOptions, options_from
from schemas.errors import AiOpsError

# Writing the archive comes on top of an ordinary end.
RECORDING_STOP_TIMEOUT_S: Final = 120.0


def prepare(options: LocalOptions) -> None:
    """Bring the cache up to date; repeating is cheap and safe, in parallel too.

    Raises:
        AiOpsError: as `start_kafka`.
    """
    if options.given_kafka:
        return
    runtime = prepare_runtime(options)
    if not runtime.archive.exists():
        record_archive(runtime)


def record_archive(runtime: Runtime) -> None:
    """Run a broker once and keep the classes that it loaded.

    A Java without that ability leaves no archive, and starts go on without one.
    """
    with tempfile.TemporaryDirectory(dir=runtime.cache) as scratch:
        nodes = claim_nodes(Path(scratch), count=1, port=0)
        recorded = Path(scratch) / "classes"
        java, *arguments = prepare_home(nodes[0], nodes, runtime, {})
        command = (java, runtime.java.recording_flag(recorded), *arguments)
        node = KafkaNode(node_id=1, home=nodes[0].home, port=nodes[0].broker_port, command=command)
        try:
            node.start()
            node.process.stop(timeout_s=RECORDING_STOP_TIMEOUT_S)
        finally:
            node.kill()
        if recorded.exists():
            recorded.replace(runtime.archive)


def main() -> None:
    """Prepare, and say so."""
    print(f"preparing Apache Kafka {VERSION} (once)", file=sys.stderr)
    try:
        prepare(options_from(os.environ))
    except AiOpsError as exc:
        sys.exit(f"aiops: {exc}")


if __name__ == "__main__":
    main()
