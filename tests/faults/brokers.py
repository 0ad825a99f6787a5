"""Three Kafka brokers on the embedded JVM, each a controller too: replicas, elections, two copies or no answer.

Configured from what one embedded broker has (kafka_properties.FIXED), with replicas instead of none.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient

from maillage.stack import jvm
from maillage.stack.kafka import Kafka, KafkaConfig
from maillage.stack.kafka_properties import FIXED, HOST
from maillage.testing.choice import CONTAINERS, choose
from maillage.testing.servers import KafkaServer, Running, ServerProcess, free_ports

COUNT = 3
READY_SECONDS = 120.0
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
"""Any 16 bytes; a cluster lives as long as its trial."""
REPLICATED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # A replica that does not keep up for this long no longer counts.
    "replica.lag.time.max.ms": "3000",
}


class OneOfThree(Kafka):
    """One broker of the three: the embedded one with other properties, formatted for a quorum that is known."""

    def __init__(self, config: KafkaConfig, node: int, voters: str) -> None:
        super().__init__(config)
        self._node = node
        self._voters = voters

    def _configure(self, data: Path, name: str) -> Path:
        path = super()._configure(data, name)
        found = dict(line.partition("=")[::2] for line in path.read_text("ascii").splitlines())
        found |= FIXED | REPLICATED | {"node.id": str(self._node), "controller.quorum.voters": self._voters}
        del found["controller.quorum.bootstrap.servers"]
        path.write_text("".join(f"{key}={value}\n" for key, value in found.items()), "ascii")
        return path

    def _format(self) -> None:
        draft = self._config.directory / "creating"
        draft.mkdir()
        properties = self._configure(draft, "format.properties")
        arguments = jvm.write_arguments(
            self._config.directory / "format.args",
            [
                *self._jvm_options(),
                *("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)),
            ],
        )
        subprocess.run(
            [str(jvm.java()), f"@{arguments}"],
            env=jvm.environment(), cwd=self._config.directory, timeout=READY_SECONDS, check=True, capture_output=True,
        )  # fmt: skip
        draft.replace(self.data)

    async def wait_ready(self, timeout: float) -> str:
        """Return at once: one broker answers nobody before another is there."""
        return self.version


@dataclass
class Brokers:
    """The three, to be hurt one by one."""

    server: KafkaServer
    processes: Sequence[Running]

    def pause(self, n: int) -> None:
        """Let a broker stand still."""
        self.processes[n].pause()

    def go_on(self, n: int) -> None:
        """Let it go on."""
        self.processes[n].go_on()

    def kill(self, n: int) -> None:
        """End a broker as a power cut would."""
        self.processes[n].kill()

    def start(self, n: int) -> None:
        """Start it on its data; blocks no longer than the start of a process."""
        self.processes[n].start()

    def leader_of(self, topic: str, partition: int) -> int:
        """Return which broker leads a partition now."""

        def ask(admin: AdminClient) -> int:
            return int(admin.list_topics(topic, timeout=10).topics[topic].partitions[partition].leader)

        return self._asked(ask) - 1

    def coordinator_of(self, group: str) -> int:
        """Return which broker keeps a group's members and offsets now."""

        def ask(admin: AdminClient) -> int:
            found = admin.describe_consumer_groups([group], request_timeout=10)[group].result(20)
            return int(found.coordinator.id)

        return self._asked(ask) - 1

    def _asked(self, ask: Callable[[AdminClient], int], seconds: float = READY_SECONDS) -> int:
        """Ask until one is named: a client whose broker just ended, or a partition without a leader, names none."""
        deadline = time.monotonic() + seconds
        while True:
            # Kept in a name: the answer to a client that is gone never comes.
            admin = self._admin()
            try:
                found = ask(admin)
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
            else:
                if found > 0 or time.monotonic() > deadline:
                    return found
            time.sleep(0.2)

    def lead_as_preferred(self) -> None:
        """Move leaders back to where they were before brokers went and came, under load."""
        admin = self._admin()
        # confluent-kafka 2.16.1 answers either of its timeouts with SystemError: its list of names is one too short.
        admin.elect_leaders(ElectionType.PREFERRED, None).result(30)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.server.bootstrap, "log_level": 0})

    def all_here(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every broker serves."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if len(self._admin().list_topics(timeout=2).brokers) == COUNT:
                    return
            except KafkaException:
                time.sleep(0.2)
        raise TimeoutError(f"not {COUNT} brokers after {seconds:.0f} s")


@contextmanager
def three_brokers(folder: Path) -> Iterator[Brokers]:
    """Start three brokers, in containers when those were chosen; they and their data end with the block."""
    if choose(os.environ).kafka == CONTAINERS:
        from maillage.testing.kafka_containers import brokers_in_containers

        with brokers_in_containers(COUNT, REPLICATED) as (server, processes):
            yield _together(server, processes)
        return
    ports = free_ports(3 * COUNT)
    voters = ",".join(f"{n + 1}@{HOST}:{ports[3 * n + 1]}" for n in range(COUNT))
    with ExitStack() as stack:
        made = []
        for n in range(COUNT):
            internal, controller, partners = ports[3 * n : 3 * n + 3]
            directory = folder / str(n)
            config = KafkaConfig(directory, folder / f"{n}.log", internal, controller, partners, heap_mb=256)
            one = ServerProcess(OneOfThree(config, n + 1, voters))
            stack.callback(one.stop)
            one.start()
            made.append(one)
        bootstrap = ",".join(f"{HOST}:{ports[3 * n]}" for n in range(COUNT))
        yield _together(KafkaServer(bootstrap, "", "three brokers"), made)


def _together(server: KafkaServer, processes: Sequence[Running]) -> Brokers:
    brokers = Brokers(server, processes)
    brokers.all_here()
    return brokers
