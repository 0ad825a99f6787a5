"""What an operator draws and is woken by: Prometheus text at /metrics.

Parts keep plain numbers; they become text only when somebody asks, so no event and no request pays for it but one
addition. Labels are route templates, topics, codes: never an id, a path, an organisation or a person. What the database
must count is counted up to COUNTED_MAX and kept for some seconds, so that asking often costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from chassis.admission import Gate
from chassis.db import Database
from chassis.errors import DependencyDown

if TYPE_CHECKING:
    from chassis.consumer import Processor
    from chassis.relay import Relay

COUNTED_MAX: Final = 10_000
"""A count stops here: past it an operator has work to do, however many there are."""

KEPT_SECONDS: Final = 5.0
LAG_SECONDS: Final = 0.2
"""For one subscription's position, which may have to be asked from the broker: then it is left out."""

# outbox_pkey gives the oldest; the counts read at most $1 rows each, or pass over as many that are not counted.
BACKLOG = """
SELECT
    (SELECT extract(epoch FROM now() - created_at)::float8 FROM outbox ORDER BY position LIMIT 1) AS oldest,
    (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS first) AS outbox,
    (SELECT count(*) FROM (SELECT FROM outbox_parked LIMIT $1) AS first) AS parked,
    (SELECT count(*) FROM (SELECT FROM dead_letters WHERE state = 'dead' LIMIT $1) AS first) AS dead,
    (SELECT count(*) FROM (SELECT FROM dead_letters WHERE state = 'held' LIMIT $1) AS first) AS held
"""

_PREFIX: Final = "maillage_"

ConsumerOf = Callable[["Processor"], AIOKafkaConsumer | None]


@dataclass
class Metrics:
    """Reads the numbers of one process."""

    gate: Gate
    http_db: Database
    background_db: Database
    relay: Relay | None = None
    processors: Sequence[Processor] = ()
    consumer_of: ConsumerOf = field(default=lambda _: None)
    own: Sequence[Callable[[], Iterable[Metric]]] = ()
    """What the service itself counts."""
    _backlog: tuple[float, dict[str, Any]] | None = None

    def router(self) -> APIRouter:
        """Return the route; like health, it is for the inside of a site and needs no token (ADR 13)."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/metrics", self.show, methods=["GET"])
        return router

    async def show(self) -> Response:
        """Answer everything as text."""
        families = [*self._http(), *self._pools(), *self._consumers(), *await self._lag(), *self._relay()]
        families += await self._tables()
        families += [family for counted in self.own for family in counted()]
        registry = CollectorRegistry()
        registry.register(_Once(families))
        ProcessCollector(registry=registry)
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    def _http(self) -> Iterable[Metric]:
        answers = counter("http_requests", "Answers over HTTP.", "method", "route", "status")
        for (method, route, status), count in self.gate.answered.items():
            answers.add_metric([method, route, str(status)], count)
        busy = gauge("http_in_progress", "Requests that hold a place now.", "kind")
        refused = counter("http_turned_away", "Requests turned away because no place was free.", "kind")
        for kind, places in self.gate.places.items():
            busy.add_metric([kind], places.taken)
            refused.add_metric([kind], places.refused)
        return answers, busy, refused

    def _pools(self) -> Iterable[Metric]:
        lent = gauge("database_connections_lent", "Database connections in use now.", "pool")
        lent.add_metric(["http"], self.http_db.in_use())
        lent.add_metric(["background"], self.background_db.in_use())
        return (lent,)

    def _consumers(self) -> Iterable[Metric]:
        outcomes = counter("consumer_events", "Events read, by what became of them.", "topic", "outcome")
        waiting = gauge("consumer_waiting", "1 while the subscription waits for a dependency.", "topic")
        stopped = gauge("consumer_stopped", "1 once too many dead letters in a row stopped it.", "topic")
        for processor in self.processors:
            topic = processor.subscription.topic
            for outcome, count in processor.outcomes().items():
                outcomes.add_metric([topic, outcome], count)
            waiting.add_metric([topic], processor.waiting_for is not None)
            stopped.add_metric([topic], processor.stopped)
        return outcomes, waiting, stopped

    async def _lag(self) -> Iterable[Metric]:
        lag = gauge("consumer_lag_records", "Records not read yet, as far as the broker has told.", "topic")
        for processor in self.processors:
            consumer = self.consumer_of(processor)
            behind = await _behind(consumer) if consumer is not None else None
            if behind is not None:
                lag.add_metric([processor.subscription.topic], behind)
        return (lag,)

    def _relay(self) -> Iterable[Metric]:
        if self.relay is None:
            return ()
        active = gauge("relay_active", "1 in the process that holds the lease.")
        active.add_metric([], self.relay.active)
        sent = counter("relay_sent", "Events that Kafka acknowledged to this process.")
        sent.add_metric([], self.relay.sent)
        parked = counter("relay_parked", "Events that Kafka refused for good in this process.")
        parked.add_metric([], self.relay.parked)
        return active, sent, parked

    async def _tables(self) -> Iterable[Metric]:
        found = await self._counted()
        if found is None:
            return ()
        oldest = gauge("outbox_oldest_seconds", "How long the oldest event waits for Kafka.")
        oldest.add_metric([], found["oldest"] or 0)
        outbox = gauge("outbox_rows", f"Events that wait for Kafka, counted to {COUNTED_MAX}.")
        outbox.add_metric([], found["outbox"])
        parked = gauge("outbox_parked_rows", f"Events behind one that Kafka refused, counted to {COUNTED_MAX}.")
        parked.add_metric([], found["parked"])
        letters = gauge("dead_letters_rows", f"Dead letters, and what they hold back, to {COUNTED_MAX}.", "state")
        letters.add_metric(["dead"], found["dead"])
        letters.add_metric(["held"], found["held"])
        return oldest, outbox, parked, letters

    async def _counted(self) -> dict[str, Any] | None:
        if self._backlog is not None and time.monotonic() - self._backlog[0] < KEPT_SECONDS:
            return self._backlog[1]
        try:
            async with self.background_db.connection() as connection:
                row = await connection.fetchrow(BACKLOG, COUNTED_MAX)
        except (DependencyDown, asyncpg.PostgresError):
            # Left out rather than stale: an alert sees the absence.
            return None
        assert row is not None
        self._backlog = (time.monotonic(), dict(row))
        return self._backlog[1]


async def _behind(consumer: AIOKafkaConsumer) -> int | None:
    behind = 0
    try:
        async with asyncio.timeout(LAG_SECONDS):
            for partition in consumer.assignment():
                newest = consumer.highwater(partition)
                if newest is not None:
                    behind += max(0, newest - await consumer.position(partition))
    except (TimeoutError, KafkaError, AssertionError):
        return None
    return behind


class _Once(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def counter(name: str, told: str, *labels: str) -> CounterMetricFamily:
    """Return a counter of ours, without samples yet."""
    return CounterMetricFamily(_PREFIX + name, told, labels=labels)


def gauge(name: str, told: str, *labels: str) -> GaugeMetricFamily:
    """Return a gauge of ours, without samples yet."""
    return GaugeMetricFamily(_PREFIX + name, told, labels=labels)
