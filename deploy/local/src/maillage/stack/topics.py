"""The topics of the contracts' table, created where they are missing and compared where they exist.

Nothing existing is altered: the number of partitions decides the order of a key's events, and a shorter retention
deletes. What differs is reported. Organisations' own topics are created by `partners` when one asks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs re-export without saying so
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from maillage.stack.errors import StackError
from maillage_contracts import TOPICS
from maillage_contracts.topics import Topic

REQUEST_SECONDS = 20.0
"""Creating three topics of twelve partitions takes 0.2 s on an idle embedded broker."""


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What `ensure_topics` did and found."""

    created: tuple[str, ...]
    drift: tuple[str, ...]
    """One sentence for each difference between the table and the broker."""


async def ensure_topics(
    bootstrap: str,
    *,
    client: Mapping[str, str] | None = None,
    replication: int = 1,
    topics: Iterable[Topic] = TOPICS,
) -> TopicsReport:
    """Create the missing topics and report those that differ; changes nothing the second time.

    `client` holds librdkafka settings (`security.protocol`, `sasl.username`, …) for a broker that asks for them.
    """
    return await asyncio.to_thread(_ensure, bootstrap, dict(client or {}), replication, tuple(topics))


def _ensure(bootstrap: str, client: dict[str, str], replication: int, topics: tuple[Topic, ...]) -> TopicsReport:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **client})
    try:
        present = admin.list_topics(timeout=REQUEST_SECONDS).topics
        missing = [topic for topic in topics if topic.name not in present]
        created = _create(admin, missing, replication) if missing else ()
        partitions = _partitions(admin, {topic.name for topic in topics})
        existing = [topic for topic in topics if topic.name not in created]
        drift = [
            f"{topic.name}: {partitions[topic.name]} partitions, {topic.partitions} expected"
            for topic in existing
            if partitions[topic.name] != topic.partitions
        ]
        drift += _config_drift(admin, existing)
    except KafkaException as error:
        raise _refused(error) from None
    return TopicsReport(created=created, drift=tuple(drift))


def _partitions(admin: AdminClient, names: set[str]) -> dict[str, int]:
    # The controller answers a creation before every broker knows of it: what starts next must find the topics.
    deadline = time.monotonic() + REQUEST_SECONDS
    while True:
        present = admin.list_topics(timeout=REQUEST_SECONDS).topics
        found = {name: len(present[name].partitions) for name in names & present.keys() if present[name].partitions}
        if found.keys() == names:
            return found
        if time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        time.sleep(0.05)


def _create(admin: AdminClient, missing: list[Topic], replication: int) -> tuple[str, ...]:
    new = [
        NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=replication, config=topic.config)
        for topic in missing
    ]
    created = []
    for name, future in admin.create_topics(new, request_timeout=REQUEST_SECONDS).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            # Another starting process was first.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    return tuple(sorted(created))


def _config_drift(admin: AdminClient, topics: list[Topic]) -> list[str]:
    wanted = {topic.name: topic.config for topic in topics}
    if not wanted:
        return []
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in wanted]
    drift = []
    for resource, future in admin.describe_configs(resources, request_timeout=REQUEST_SECONDS).items():
        actual = future.result()
        for key, value in wanted[resource.name].items():
            found = actual[key].value if key in actual else None
            if found != value:
                drift.append(f"{resource.name}: {key} is {found}, {value} expected")
    return drift


def _refused(error: KafkaException) -> StackError:
    cause = error.args[0]
    name = cause.name() if isinstance(cause, KafkaError) else type(error).__name__
    return StackError(
        f"Les sujets Kafka n'ont pas pu être créés ou lus ({name}) · Kafka's topics could not be created or read",
        "vérifiez l'adresse du broker et les droits du compte (MAILLAGE_KAFKA_BOOTSTRAP, MAILLAGE_KAFKA_USERNAME)"
        " · check the broker's address and the account's rights",
    )
