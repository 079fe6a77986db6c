import uuid
from pathlib import Path

import pytest

from aiops.local.kafka_config import Node, meta_properties, node_properties


def nodes_of(count: int) -> tuple[Node, ...]:
    return tuple(
        Node(
            node_id=number,
            home=Path(f"/data/node-{number}"),
            broker_port=9000 + number,
            controller_port=9100 + number,
        )
        for number in range(1, count + 1)
    )


def test_a_node_listens_on_loopback_alone() -> None:
    (node,) = nodes_of(1)
    listeners = node_properties(node, (node,))["listeners"].split(",")

    assert listeners == ["PLAINTEXT://127.0.0.1:9001", "CONTROLLER://127.0.0.1:9101"]


def test_the_nodes_of_a_cluster_name_the_same_voters_and_their_own_data() -> None:
    nodes = nodes_of(3)
    properties = [node_properties(node, nodes) for node in nodes]

    assert {each["controller.quorum.voters"] for each in properties} == {
        "1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103"
    }
    assert [each["log.dirs"] for each in properties] == [
        f"/data/node-{number}/data" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("count", "replicas", "in_sync"), [(1, "1", "1"), (2, "2", "2"), (3, "3", "2")]
)
def test_a_cluster_replicates_as_far_as_it_has_nodes(
    count: int, replicas: str, in_sync: str
) -> None:
    nodes = nodes_of(count)
    properties = node_properties(nodes[0], nodes)

    assert properties["offsets.topic.replication.factor"] == replicas
    assert properties["transaction.state.log.replication.factor"] == replicas
    assert properties["min.insync.replicas"] == in_sync


def test_each_data_directory_has_an_id_of_kafkas_form() -> None:
    lines = meta_properties(2, directory_id=uuid.UUID(int=2**127)).decode().splitlines()
    values = dict(line.split("=", 1) for line in lines)

    assert values["node.id"] == "2"
    assert len(values["directory.id"]) == len(values["cluster.id"]) == 22
