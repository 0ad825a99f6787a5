"""Read your topic from Python: an iterator over `partner-<code>-v1` that commits an event once you are done with it.

Needs confluent-kafka: `pip install "maillage-contracts[kafka]"`. After a crash the last event comes again, so
deduplicate on `ReceivedRecord.id`. An event that this package cannot read is yielded too, with its trouble.
To read again what you have read, give `start_at`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

try:
    import confluent_kafka
except ImportError:
    raise ImportError('reading Kafka needs confluent-kafka: pip install "maillage-contracts[kafka]"') from None

from maillage_contracts.codec import Decoded, decode
from maillage_contracts.errors import ContractError
from maillage_contracts.topics import partner_topic_name

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """One record of the topic; `decoded` is None where `trouble` says why this package cannot read it."""

    id: str
    type: str
    offset: int
    decoded: Decoded | None
    trouble: ContractError | None
    headers: Mapping[str, str]
    value: bytes | None


def consumer_settings(
    bootstrap: str, code: str, password: str, *, name: str = "main", ca_file: str = "", protocol: str = "SASL_SSL"
) -> dict[str, Any]:
    """Return what librdkafka needs to read an organisation's topic, with the user, group and rights that it has.

    Without `ca_file` the broker's certificate is checked against the system's authorities. `SASL_PLAINTEXT`, without a
    certificate, is for a broker on this machine.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "security.protocol": protocol,
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": f"partner-{code}",
        "sasl.password": password,
        "group.id": f"partner-{code}-{name}",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    }
    return settings | ({"ssl.ca.location": ca_file} if ca_file else {})


class PartnerTopic:
    """The topic of one organisation. One at a time per group: a topic has one partition."""

    def __init__(self, code: str, settings: Mapping[str, Any], *, start_at: int | datetime | None = None) -> None:
        """Go on after the last event committed; `start_at` begins elsewhere, once, and the group goes on from there.

        An offset begins with that record, or with the oldest one if the topic does not hold it. A moment begins with
        the first event whose `ce_time` is not before it. Only `ce_time` says when something happened: the broker's own
        time is that of the publication, which for all that precedes a grant is the hour of the grant. So the topic is
        read from its oldest record to find the place, and what happened before is passed over, never yielded. Events
        keep the order of your stream: one that happened a little earlier may come after the first, and is yielded.
        """
        if isinstance(start_at, datetime) and start_at.tzinfo is None:
            raise ValueError("start_at needs a time zone")
        self._since = start_at if isinstance(start_at, datetime) else None
        self._from: int = start_at if isinstance(start_at, int) else confluent_kafka.OFFSET_BEGINNING
        self._consumer = confluent_kafka.Consumer(dict(settings))
        if start_at is None:
            self._consumer.subscribe([partner_topic_name(code)])
        else:
            self._consumer.subscribe([partner_topic_name(code)], on_assign=self._begin)

    def _begin(self, consumer: confluent_kafka.Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Begin where `start_at` says at the first assignment; at a later one, where this reader had come to."""
        for partition in partitions:
            partition.offset = self._from
        consumer.assign(partitions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the group, so that whoever comes next is served at once."""
        self._consumer.close()

    def __iter__(self) -> Iterator[ReceivedRecord]:
        """Yield records for ever; asking for the next one commits the one before."""
        while True:
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                continue
            error = message.error()
            if error is not None:
                if error.retriable() or error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    continue
                raise confluent_kafka.KafkaException(error)
            record = _record(message)
            if self._passes_over(record):
                continue
            yield record
            self._from = record.offset + 1
            self._consumer.commit(message=message, asynchronous=False)

    def _passes_over(self, record: ReceivedRecord) -> bool:
        """Say whether a record precedes the moment to start at; one without a readable time is yielded."""
        if self._since is not None:
            happened = _moment(record.headers.get("ce_time", ""))
            if happened is not None and happened < self._since:
                return True
            self._since = None
        return False


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _record(message: Any) -> ReceivedRecord:
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or ()}
    decoded, trouble = None, None
    try:
        decoded = decode(headers, message.value())
    except ContractError as error:
        trouble = error
    return ReceivedRecord(
        id=headers.get("ce_id", ""),
        type=headers.get("ce_type", ""),
        offset=message.offset(),
        decoded=decoded,
        trouble=trouble,
        headers=headers,
        value=message.value(),
    )
