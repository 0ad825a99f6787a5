"""One process of a service: HTTP, consumers, relay and timers in one lifespan.

HTTP comes up first and waits for nothing: a database or a broker that is down makes readiness red, not the start
fail. On SIGTERM consumers drain, the relay stops after what it has in hand, then connections close.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer
from fastapi import APIRouter, FastAPI
from faststream.kafka import KafkaBroker
from prometheus_client.core import Metric

from chassis import idempotency, inbox, operations, problems, telemetry, watch
from chassis.admission import Admission
from chassis.consumer import Processor, Subscription, merged
from chassis.errors import DependencyDown
from chassis.kafka import RelayProducers, build_broker
from chassis.lanes import Lanes
from chassis.metrics import Metrics
from chassis.projections import Projections
from chassis.relay import Relay
from chassis.runtime import Runtime
from chassis.subscribe import subscribe
from chassis.timers import OnTimer, run_timers
from chassis.version import version

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 3600

STOP_SECONDS = 1.5
"""For each of two steps: with uvicorn's second this stays below the five seconds that a supervisor waits."""

WARM_UP_SECONDS = 5.0
"""After this the heap of imports is frozen out of garbage collection (measured: p99 56 -> 9.5 ms)."""


@dataclass(frozen=True)
class Parts:
    """What a service adds to the chassis."""

    routers: Sequence[APIRouter] = ()
    subscriptions: Sequence[Subscription] = ()
    timers: Mapping[str, OnTimer] = field(default_factory=dict)
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    """Run for as long as the process; restarted with a pause when they fail."""
    metrics: Sequence[Callable[[], Iterable[Metric]]] = ()
    """What the service counts, read when somebody asks /metrics."""
    projections: Projections = field(default_factory=Projections)
    """Which tables events alone could rebuild (see replay.py)."""


def build_app(runtime: Runtime, parts: Parts) -> FastAPI:
    """Compose the FastAPI application of a service; raises SettingsRefused when it must not start."""
    inbox.refuse_forgetting(runtime.settings, [subscription.topic for subscription in parts.subscriptions])
    metrics = Metrics(runtime.gate, runtime.db, runtime.background_db, own=parts.metrics)
    tracing = telemetry.configure(runtime.settings, runtime.service, version())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = _start(runtime, parts, tasks, metrics)
            yield
            await _stop(runtime, running)
        await tracing.close()

    app = FastAPI(title=runtime.service, version=version(), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.runtime, app.state.parts = runtime, parts
    problems.install(app)
    app.add_middleware(problems.BodyLimit)
    app.add_middleware(telemetry.TracingMiddleware)
    app.add_middleware(Admission, gate=runtime.gate)
    for router in (*parts.routers, runtime.health.router, metrics.router(), operations.router):
        # Not include_router: it would match each request against every router and then again against its routes, a
        # fourteenth of a submission's time. The routers have neither prefix nor dependencies for it to add.
        app.router.routes.extend(router.routes)
    return app


@dataclass
class _Running:
    tasks: list[asyncio.Task[None]]
    producers: RelayProducers | None = None
    brokers: list[KafkaBroker] = field(default_factory=list)


def _start(runtime: Runtime, parts: Parts, tasks: asyncio.TaskGroup, metrics: Metrics) -> _Running:
    running = _Running([])

    def spawn(work: Callable[[], Awaitable[None]]) -> None:
        running.tasks.append(tasks.create_task(_forever(work)))

    spawn(lambda: watch.watch_database(runtime.health, runtime.db, runtime.background_db))
    spawn(_freeze_when_warm)
    for work in parts.background:
        spawn(work)
    if parts.timers:
        spawn(lambda: run_timers(runtime.background_db, parts.timers, runtime.clock, runtime.doorbell))
    if runtime.settings.kafka_bootstrap:
        _start_kafka(runtime, parts, running, spawn, metrics)
    return running


def _start_kafka(
    runtime: Runtime,
    parts: Parts,
    running: _Running,
    spawn: Callable[[Callable[[], Awaitable[None]]], None],
    metrics: Metrics,
) -> None:
    running.producers = producers = RelayProducers(runtime.settings, runtime.service)
    lanes = Lanes(producers, runtime.doorbell.wake)
    metrics.relay = relay = Relay(runtime.background_db, lanes, runtime.doorbell)
    runtime.health.register("relay", lambda: None if relay.asked else "has not asked for its lease yet")
    runtime.health.register("kafka", lambda: None if producers.ever_connected else "not connected yet")
    runtime.health.note("relay", lambda: watch.relay_note(runtime, relay))
    runtime.health.note("subscriptions", lambda: watch.waiting_note(runtime.processors))
    spawn(relay.run)
    spawn(lambda: watch.watch_relay(runtime, relay))
    spawn(lambda: _connect(producers))
    spawn(runtime.directory.run)
    spawn(lambda: _housekeeping(runtime))
    metrics.processors = runtime.processors = [
        Processor(runtime.service, subscription, runtime.background_db, runtime.clock, runtime.doorbell)
        for subscription in merged((*parts.subscriptions, *runtime.directory.subscriptions()))
    ]
    metrics.consumer_of = lambda processor: _consumer_of(running, runtime.processors.index(processor))
    runtime.health.register("subscriptions", lambda: _subscriptions(running, runtime.processors))
    spawn(lambda: _consume(runtime, running))


async def _connect(producers: RelayProducers) -> None:
    await producers.get()
    await asyncio.Event().wait()


def _subscriptions(running: _Running, processors: Sequence[Processor]) -> str | None:
    stopped = watch.stopped_check(processors)
    if stopped is not None:
        return stopped
    if not running.brokers:
        return "not subscribed yet"
    if not all(subscriber.running for subscriber in running.brokers[-1].subscribers):
        return "a subscriber does not run"
    return None


def _consumer_of(running: _Running, n: int) -> AIOKafkaConsumer | None:
    # Subscribers are declared in the order of the processors.
    return getattr(running.brokers[-1].subscribers[n], "consumer", None) if running.brokers else None


async def _consume(runtime: Runtime, running: _Running) -> None:
    while True:
        # A start that failed half-way leaves subscribers behind: each try is a new broker.
        broker = build_broker(runtime.settings, runtime.service)
        for processor in runtime.processors:
            subscribe(broker, processor, instance=runtime.settings.instance)
        try:
            await broker.start()
        except Exception as error:
            log.warning("kafka_unreachable", error_type=type(error).__name__)
            with contextlib.suppress(Exception):
                await broker.stop()
            await asyncio.sleep(RETRY_SECONDS)
            continue
        running.brokers.append(broker)
        await asyncio.Event().wait()


async def _housekeeping(runtime: Runtime) -> None:
    while True:
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
        await _purge(runtime, partial(inbox.purge, keep=timedelta(days=runtime.settings.inbox_days)))
        await _purge(runtime, idempotency.purge)


async def _purge(runtime: Runtime, purge: Callable[..., Awaitable[int]]) -> None:
    # In short transactions until nothing is left: no long locks, no burst of WAL.
    purged = 1
    while purged:
        async with runtime.background_db.transaction() as tx:
            purged = await purge(tx, now=runtime.clock.now())


async def _freeze_when_warm() -> None:
    await asyncio.sleep(WARM_UP_SECONDS)
    gc.collect()
    gc.freeze()
    await asyncio.Event().wait()


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except DependencyDown as error:
            log.warning("waiting_for_dependency", cause=str(error))
        except Exception as error:
            log.error("background_work_failed", error_type=type(error).__name__)
        await asyncio.sleep(RETRY_SECONDS)


async def _stop(runtime: Runtime, running: _Running) -> None:
    # What is not finished in time is not acknowledged, and redone by whoever starts next.
    with contextlib.suppress(Exception):
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(*(broker.stop() for broker in running.brokers), return_exceptions=True)
    for task in running.tasks:
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(*running.tasks, return_exceptions=True)
            closing = [runtime.tokens.close(), runtime.db.close(), runtime.background_db.close()]
            if running.producers is not None:
                closing.append(running.producers.close())
            await asyncio.gather(*closing, return_exceptions=True)
