"""Kafka in containers of the official image: one broker, or three that keep two copies.

Each has what the embedded broker has: a listener without password, whose clients are super users, and the partners',
with SCRAM and ACLs. Both are on this machine's loopback only, under the same number inside and outside. Brokers speak
to one another on a third, inside Docker's network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from maillage.stack.kafka_properties import DURABLE, FIXED
from maillage.testing.containers import HOST, ContainerServer, closed_on_error, owned, publish, remove_left_behind
from maillage.testing.servers import KafkaServer, free_ports

KAFKA_VERSION = "4.3.1"
KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
BETWEEN_BROKERS, CONTROLLER = 9095, 9093
PROBE_SECONDS = 2.0
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
"""Any 16 bytes: no two of these clusters see each other."""


@dataclass(frozen=True, slots=True)
class Node:
    """One broker's place among those of its cluster."""

    number: int
    of: int
    internal: int
    partners: int

    @property
    def host(self) -> str:
        """Its name for the other brokers."""
        return f"broker-{self.number}"

    @property
    def properties(self) -> dict[str, str]:
        """What differs from the embedded broker, which listens on loopback."""
        everywhere = f"REPLICATION://:{BETWEEN_BROKERS}"
        here = f"REPLICATION://{self.host}:{BETWEEN_BROKERS}"
        for name, port in (("INTERNAL", self.internal), ("PARTNERS", self.partners)):
            everywhere += f",{name}://:{port}"
            here += f",{name}://{HOST}:{port}"
        voters = (f"{n}@broker-{n}:{CONTROLLER}" for n in range(1, self.of + 1))
        return {
            "node.id": str(self.number),
            "listeners": f"{everywhere},CONTROLLER://:{CONTROLLER}",
            "advertised.listeners": here,
            "listener.security.protocol.map": FIXED["listener.security.protocol.map"] + ",REPLICATION:PLAINTEXT",
            "inter.broker.listener.name": "REPLICATION",
            "controller.quorum.voters": ",".join(voters),
            "log.dirs": "/var/lib/kafka/data/kraft",
        }


def start_kafka() -> KafkaServer:
    """Start one broker with the settings of the embedded one of `make run`."""
    remove_left_behind()
    node = Node(1, 1, *free_ports(2))
    bootstrap = f"{HOST}:{node.internal}"
    server = _broker(node, DURABLE, None, lambda: KAFKA_VERSION if brokers_at(bootstrap) else None)
    with closed_on_error(server):
        return KafkaServer(bootstrap, f"{HOST}:{node.partners}", server.start(), server)


@contextmanager
def brokers_in_containers(
    count: int, properties: Mapping[str, str]
) -> Iterator[tuple[KafkaServer, list[ContainerServer]]]:
    """Start so many brokers with these properties; they and their data end with the block.

    Whoever asked waits until all are there: one alone answers nobody.
    """
    remove_left_behind()
    ports = free_ports(2 * count)
    with ExitStack() as stack:
        network = Network(docker_network_kw={"labels": owned()}).create()
        stack.callback(network.remove)
        made = []
        for n in range(count):
            node = Node(n + 1, count, ports[2 * n], ports[2 * n + 1])
            server = _broker(node, properties, network, lambda: KAFKA_VERSION)
            stack.callback(server.close)
            server.start()
            made.append(server)
        bootstrap = ",".join(f"{HOST}:{port}" for port in ports[::2])
        yield KafkaServer(bootstrap, "", f"{KAFKA_VERSION}, {count} brokers"), made


def brokers_at(bootstrap: str) -> int:
    """Return how many brokers serve there; none when nobody answers."""
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 5000})
    try:
        return len(client.list_topics(timeout=PROBE_SECONDS).brokers)
    except KafkaException:
        return 0


def as_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """Return Kafka's properties under the names by which the image takes them."""
    return {f"KAFKA_{name.upper().replace('-', '___').replace('.', '_')}": value for name, value in properties.items()}


def _broker(
    node: Node, properties: Mapping[str, str], network: Network | None, wait_ready: Callable[[], str | None]
) -> ContainerServer:
    container = DockerContainer(KAFKA_IMAGE, hostname=node.host)
    container.with_envs(
        CLUSTER_ID=CLUSTER,
        KAFKA_HEAP_OPTS="-Xms128m -Xmx512m",
        KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        **as_environment({**FIXED, **properties, **node.properties}),
    )
    for port in (node.internal, node.partners):
        publish(container, port, port)
    if network is not None:
        container.with_network(network).with_network_aliases(node.host)
    return ContainerServer(KAFKA_IMAGE, container, "SIGKILL", wait_ready)
