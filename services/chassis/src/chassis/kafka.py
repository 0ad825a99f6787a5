"""The only constructors of brokers, producers and administration clients, so that no default slips in.

FastStream's own defaults lose messages (acknowledge first, latest offset, acks=1, automatic topics); every setting
below overrides one of them or names its reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLScram512

from chassis.producers import ProducerReplaced, T
from chassis.settings import ServiceSettings, read_secret

log = structlog.get_logger(__name__)

STOP_SECONDS = 1.0
PRODUCER_BATCH_BYTES = 512 * 1024
"""Half of the broker's message.max.bytes, which limits a batch."""

GRACEFUL_TIMEOUT_SECONDS = 1.5
"""One share of the five seconds that a supervisor waits (see app.py): a handler that is longer is cancelled, not
acknowledged, and redone."""


def _ssl(settings: ServiceSettings) -> ssl.SSLContext | None:
    if settings.kafka_security_protocol != "SASL_SSL":
        return None
    return ssl.create_default_context(cafile=str(settings.kafka_ca_file) if settings.kafka_ca_file else None)


def _security(settings: ServiceSettings) -> BaseSecurity | None:
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    return SASLScram512(
        username=settings.kafka_username,
        password=read_secret(settings.kafka_password_file, "MAILLAGE_KAFKA_PASSWORD_FILE"),
        ssl_context=_ssl(settings),
        use_ssl=settings.kafka_security_protocol == "SASL_SSL",
    )


class Broker(KafkaBroker):
    """FastStream's broker, with what has to be said to Kafka before its consumers close."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before_stop: list[Callable[[], Awaitable[None]]] = []

    async def stop(self, *error: Any) -> None:
        """Call everything in `before_stop`, then let batches in hand end and close the consumers."""
        await asyncio.gather(*(call() for call in self.before_stop))
        await super().stop(*error)


def build_broker(settings: ServiceSettings, service: str) -> Broker:
    """Build the broker on which `consumer.subscribe` declares subscribers; it never publishes."""
    return Broker(
        settings.kafka_bootstrap.split(","),
        client_id=f"{service}-{settings.instance}",
        security=_security(settings),
        ack_policy=AckPolicy.MANUAL,
        allow_auto_create_topics=False,
        # Handlers get the message and nothing injected: injection calls a function in a thread for every batch.
        apply_types=False,
        graceful_timeout=GRACEFUL_TIMEOUT_SECONDS,
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
    )


def _client_security(settings: ServiceSettings) -> dict[str, object]:
    if settings.kafka_security_protocol == "PLAINTEXT":
        return {}
    return {
        "security_protocol": settings.kafka_security_protocol,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": read_secret(settings.kafka_password_file, "MAILLAGE_KAFKA_PASSWORD_FILE"),
        "ssl_context": _ssl(settings),
    }


READER_BYTES = 4 * 1024 * 1024
"""What a reader holds of records that it has not handed on, whatever the topic holds."""


def build_reader(settings: ServiceSettings, service: str, group: str | None = None) -> AIOKafkaConsumer[bytes, bytes]:
    """Build a consumer for one reading from a known place: it joins no group and commits nothing.

    `group` lets it ask how far that group has read.
    """
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=f"{service}-reader-{settings.instance}",
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_bytes=READER_BYTES,
        max_partition_fetch_bytes=READER_BYTES // 8,
        **_client_security(settings),
    )


async def partitions_of(reader: AIOKafkaConsumer[bytes, bytes], topic: str) -> set[int]:
    """Return a topic's partitions, as the cluster knows them now; none when there is no such topic."""
    # What the consumer offers answers only for topics that it follows, and following begins to read.
    cluster = await reader._client.fetch_all_metadata()
    return cluster.partitions_for_topic(topic) or set()


class RelayProducers:
    """Gives the relay its one producer, started when the broker answers and replaced when it breaks."""

    def __init__(self, settings: ServiceSettings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._lock = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._ends: dict[AIOKafkaProducer, asyncio.Future[None]] = {}
        """For each producer that is not closed yet, what is done when it is."""
        self.ever_connected = False

    async def get(self) -> AIOKafkaProducer:
        """Return the started producer, waiting for the broker as long as it takes."""
        if self._producer is not None:
            return self._producer
        async with self._lock:
            wait = 0.1
            while self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._settings.kafka_bootstrap,
                    client_id=f"{self._service}-relay-{self._settings.instance}",
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=0,
                    max_batch_size=PRODUCER_BATCH_BYTES,
                    request_timeout_ms=10_000,
                    **_client_security(self._settings),
                )
                try:
                    await producer.start()
                except (KafkaError, OSError) as error:
                    log.warning("kafka_unreachable", error_type=type(error).__name__)
                    await _stop(producer)
                    await asyncio.sleep(wait)
                    wait = min(2.0, wait * 2)
                except BaseException:
                    await _stop(producer)
                    raise
                else:
                    self._producer = producer
                    self._ends[producer] = asyncio.get_running_loop().create_future()
                    self.ever_connected = True
            return self._producer

    async def ask(self, producer: AIOKafkaProducer, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work`, which waits for this producer, returns; raise ProducerReplaced once it is closed.

        A closed producer neither answers nor fails: whoever waited for it would wait for ever.
        """
        asked = asyncio.ensure_future(work)
        # Whoever asked may be gone before it fails.
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        ended = self._ends.get(producer)
        try:
            if ended is not None:
                await asyncio.wait((asked, ended), return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise ProducerReplaced
            return asked.result()
        finally:
            asked.cancel()

    async def replace(self, broken: AIOKafkaProducer) -> None:
        """Close `broken`; the next `get` starts another one. A second caller with the same one changes nothing."""
        if self._producer is broken:
            await self.close()

    async def close(self) -> None:
        """Close the producer without waiting for a broker that does not answer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await _stop(producer)
            finally:
                self._ends.pop(producer).set_result(None)


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            # stop() does this too, but interrupted there it leaves a task behind that waits for ever.
            await producer.flush()
            await producer.stop()
    except (TimeoutError, KafkaError, OSError):
        # What it could not send is, with idempotence, retried for ever. Let it go: rows that were not acknowledged are
        # still in the outbox.
        producer._closed = True
        sender = producer._sender.sender_task
        if sender is not None:
            sender.cancel()
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(STOP_SECONDS):
                await producer.client.close()
