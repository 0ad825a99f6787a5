"""The topics as they are: owner, partitions, records, size on disk, and how far each group of readers is behind.

Asks only Kafka's administration; reads no record.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # public, not marked so

from maillage.bus import bootstrap_of, client_config
from maillage.errors import Refusal
from maillage.settings import LocalSettings
from maillage.spoken import KAFKA_SILENT
from maillage_contracts import TOPICS

ANSWER_SECONDS = 10.0
EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # the package leaves it unannotated
LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the same


def look(settings: LocalSettings) -> dict[str, Any]:
    """Return every topic of Maillage with sizes and lags; refuse when the broker does not answer."""
    admin = AdminClient(dict(client_config(settings)), logger=_silent())
    try:
        # librdkafka's own list: only what exists, nothing is created by asking.
        described = {
            name: topic.partitions.values()
            for name, topic in admin.list_topics(timeout=ANSWER_SECONDS).topics.items()
            if not name.startswith("__")
        }
        topics = {name: sorted(partition.id for partition in known) for name, known in described.items()}
        partitions = [TopicPartition(name, number) for name, numbers in topics.items() for number in numbers]
        begins = _offsets(admin, partitions, EARLIEST)
        ends = _offsets(admin, partitions, LATEST)
        lags = _lags(admin, begins, ends)
    except KafkaException as error:
        raise Refusal(
            f"Kafka ne répond pas sur {bootstrap_of(settings)} ({error.args[0].name()}) · Kafka does not answer",
            KAFKA_SILENT,
        ) from None
    owners = {topic.name: topic for topic in TOPICS}
    return {
        "bootstrap": bootstrap_of(settings),
        "topics": [
            {
                "name": name,
                "owner": owners[name].owner if name in owners else "partners" if name.startswith("partner-") else None,
                "partitions": len(numbers),
                "without_leader": sum(one.leader < 0 for one in described[name]),
                "under_replicated": sum(len(one.isrs) < len(one.replicas) for one in described[name]),
                "records": sum(ends[name, number] - begins[name, number] for number in numbers),
                "bytes": _bytes_on_disk(settings, name),
                "groups": [{"group": group, "lag": lag} for group, lag in sorted(lags.get(name, {}).items())],
            }
            for name, numbers in sorted(topics.items())
        ],
    }


def _offsets(admin: AdminClient, partitions: Iterable[TopicPartition], spec: OffsetSpec) -> dict[tuple[str, int], int]:
    asked = admin.list_offsets(dict.fromkeys(partitions, spec), request_timeout=ANSWER_SECONDS)
    return {(p.topic, p.partition): int(answer.result(ANSWER_SECONDS).offset) for p, answer in asked.items()}


def _lags(
    admin: AdminClient, begins: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]
) -> dict[str, dict[str, int]]:
    """Return topic -> group -> records it has not committed yet."""
    listed = admin.list_consumer_groups(request_timeout=ANSWER_SECONDS).result(ANSWER_SECONDS)
    lags: dict[str, dict[str, int]] = defaultdict(dict)
    for group in sorted(entry.group_id for entry in listed.valid):
        asked: dict[str, Future[ConsumerGroupTopicPartitions]] = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=ANSWER_SECONDS
        )
        for position in asked[group].result(ANSWER_SECONDS).topic_partitions or ():
            key = (position.topic, position.partition)
            if key in ends:
                # Below the first kept record when retention passed the reader, negative when nothing was committed.
                read = max(int(position.offset), begins[key])
                lags[position.topic][group] = lags[position.topic].get(group, 0) + max(0, ends[key] - read)
    return lags


def _bytes_on_disk(settings: LocalSettings, topic: str) -> int | None:
    """Return what the topic takes in the embedded broker's folder; None for a broker elsewhere."""
    if settings.kafka_bootstrap:
        return None
    segments = (settings.data_dir / "kafka").glob(f"**/{topic}-*/*.log")
    return sum(file.stat().st_size for file in segments if file.parent.name.rpartition("-")[0] == topic)


def _silent() -> logging.Logger:
    """Keep librdkafka's connection errors off the terminal: a broker that is down is told once, as a sentence."""
    logger = logging.getLogger("maillage.librdkafka")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
