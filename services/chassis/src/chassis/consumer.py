"""Handle a batch of records: inbox and effects in one transaction, then the offset.

A failure in a batch is narrowed by redoing it event by event, so that one bad event costs only itself:
DependencyDown leaves everything unacknowledged and is waited for; Transient is retried a bounded number of times;
Permanent becomes a dead letter and its key's later events wait behind it. An unknown type is counted and passed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import structlog

from chassis import dead_letters
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.dead_letters import HELD_BEHIND, Letter
from chassis.errors import DependencyDown, Permanent
from chassis.faults import fault_point
from chassis.inbox import claim
from chassis.outbox import Doorbell
from chassis.records import Delivery, Ignored, Parsed, Poison, Source, parse
from chassis.telemetry import process_span, process_spans
from maillage_contracts import Event

log = structlog.get_logger(__name__)

ATTEMPTS = 3
"""Tries of one event that fails in a way that may heal, before it is set aside."""

RETRY_SECONDS = 0.2
ONE_BY_ONE_SECONDS = 60.0
"""A batch that fails is not redone for longer than this in one go: the group takes a silent member for dead."""

DEAD_IN_A_ROW_MAX = 100
"""Past this the fault is ours, not the events': stop and turn readiness red instead of setting everything aside."""

Fetched: TypeAlias = Mapping[UUID, Any]
"""What the claim checks of a batch brought, by event id."""

HandleOne: TypeAlias = Callable[[Tx, Delivery, Any], Awaitable[None]]
"""A handler that decides: takes one delivery and what its claim check fetched."""

TakeLocks: TypeAlias = Callable[[Tx, Sequence[Delivery]], Awaitable[None]]
"""Takes, all at once and in one order, the locks that the handlers of these deliveries would take one by one."""

HandleMany: TypeAlias = Callable[[Tx, Sequence[Delivery]], Awaitable[None]]
"""A handler that only projects: takes the batch's deliveries in order and writes once."""


@dataclass(frozen=True)
class Subscription:
    """What a service does with one topic. Types in neither `one` nor `many` are passed."""

    topic: str
    one: Mapping[type[Event], HandleOne] = field(default_factory=dict)
    many: HandleMany | None = None
    many_types: frozenset[type[Event]] = frozenset()
    fetch: Callable[[Sequence[Delivery]], Awaitable[Fetched]] | None = None
    """Claim checks needed by these deliveries; runs before any transaction."""
    locks: TakeLocks | None = None
    """For handlers of one that hold something of the first delivery while they wait for something of the second."""


def merged(subscriptions: Iterable[Subscription]) -> list[Subscription]:
    """Return one subscription a topic: handlers of one beside those of many, which is what a topic read twice needs.

    Raises ValueError where two want the same thing of one topic: neither may hide the other.
    """
    found: dict[str, Subscription] = {}
    for one in subscriptions:
        before = found.get(one.topic)
        if before is None:
            found[one.topic] = one
            continue
        if (before.many and one.many) or (before.fetch and one.fetch) or before.one.keys() & one.one.keys():
            raise ValueError(f"{one.topic} is read twice for the same thing")
        found[one.topic] = Subscription(
            one.topic,
            one={**before.one, **one.one},
            many=before.many or one.many,
            many_types=before.many_types | one.many_types,
            fetch=before.fetch or one.fetch,
            locks=before.locks or one.locks,
        )
    return list(found.values())


class Processor:
    """Handles the batches of one subscription of one service."""

    def __init__(
        self, service: str, subscription: Subscription, db: Database, clock: Clock, doorbell: Doorbell
    ) -> None:
        self.consumer = f"{service}-{subscription.topic}"
        self.subscription = subscription
        self.ignored = self.handled = self.dead = self.held = 0
        self.dead_in_a_row = 0
        self.waiting_for: str | None = None
        """Why the partition waits, while it does."""
        self._db = db
        self._clock = clock
        self._doorbell = doorbell

    @property
    def stopped(self) -> bool:
        """Whether too many dead letters in a row stopped this subscription."""
        return self.dead_in_a_row >= DEAD_IN_A_ROW_MAX

    def outcomes(self) -> dict[str, int]:
        """Return how many events ended in which way since the process started."""
        return {"handled": self.handled, "dead": self.dead, "held": self.held, "ignored": self.ignored}

    async def process(self, sources: Sequence[Source]) -> None:
        """Handle every record to its end: effect, dead letter, held, or passed.

        Raises DependencyDown, with nothing acknowledged, when something it needs does not answer.
        """
        self._refuse_when_stopped()
        items = self._wanted([parse(source) for source in sources])
        if not items:
            return
        try:
            await self._handle(items)
        except DependencyDown:
            raise
        except Exception as error:
            log.info("batch_redone_one_by_one", consumer=self.consumer, error_type=type(error).__name__)
            until = time.monotonic() + ONE_BY_ONE_SECONDS
            for item in items:
                # What is done is committed: taking the batch up again costs one look at the inbox.
                if time.monotonic() > until:
                    raise DependencyDown("the rest of the batch is taken up again") from None
                self._refuse_when_stopped()
                await self._handle_alone(item)
        self._doorbell.ring()

    def _refuse_when_stopped(self) -> None:
        if self.stopped:
            raise DependencyDown(f"{self.consumer} stopped after {DEAD_IN_A_ROW_MAX} dead letters in a row")

    def _wanted(self, parsed: Sequence[Parsed]) -> list[Delivery | Poison]:
        seen: set[UUID] = set()
        wanted: list[Delivery | Poison] = []
        for item in parsed:
            if isinstance(item, Ignored):
                self.ignored += 1
            elif isinstance(item, Poison):
                wanted.append(item)
            elif self._handles(item) and item.envelope.id not in seen:
                seen.add(item.envelope.id)
                wanted.append(item)
        return wanted

    def _handles(self, item: Delivery) -> bool:
        return type(item.event) in self.subscription.one or type(item.event) in self.subscription.many_types

    async def _handle(self, items: Sequence[Delivery | Poison]) -> None:
        fetched = await self.fetch([item for item in items if isinstance(item, Delivery)])
        async with self._db.transaction() as tx:
            run, letters = await self._sort(tx, items)
            fresh = await claim(tx, consumer=self.consumer, event_ids=[d.envelope.id for d in run])
            fault_point("consumer.claimed")
            await self.run(tx, [d for d in run if d.envelope.id in fresh], fetched)
            await dead_letters.store(tx, self.consumer, letters, self._clock.now())
            fault_point("consumer.before_commit")
        fault_point("consumer.committed")
        dead = sum(letter.state == "dead" for letter in letters)
        self.handled += len(fresh)
        self.held += len(letters) - dead
        self.dead_in_a_row = 0 if run else self.dead_in_a_row + dead
        for letter in letters:
            if letter.state == "dead":
                self._report(letter.item, letter.cause)

    async def fetch(self, deliveries: Sequence[Delivery]) -> Fetched:
        """Make the claim checks these deliveries need; raises DependencyDown when whom they ask does not answer."""
        if self.subscription.fetch is None or not deliveries:
            return {}
        return await self.subscription.fetch(deliveries)

    async def _sort(self, tx: Tx, items: Sequence[Delivery | Poison]) -> tuple[list[Delivery], list[Letter]]:
        keys = {item.source.key for item in items if item.source.key is not None}
        held = await dead_letters.held_keys(tx, self.consumer, keys)
        run: list[Delivery] = []
        letters: list[Letter] = []
        for item in items:
            if item.source.key in held:
                letters.append(Letter(item, "held", HELD_BEHIND))
            elif isinstance(item, Poison):
                letters.append(Letter(item, "dead", item.cause))
                if item.source.key is not None:
                    held.add(item.source.key)
            else:
                run.append(item)
        return run, letters

    async def run(self, tx: Tx, deliveries: Sequence[Delivery], fetched: Fetched) -> None:
        """Call the handlers of deliveries that are claimed in `tx`, in order, their locks taken."""
        if self.subscription.locks is not None and deliveries:
            await self.subscription.locks(tx, deliveries)
        if self.subscription.many is not None:
            projected = [d for d in deliveries if type(d.event) in self.subscription.many_types]
            if projected:
                with process_spans(projected, self.consumer):
                    await self.subscription.many(tx, projected)
        for delivery in deliveries:
            handler = self.subscription.one.get(type(delivery.event))
            if handler is not None:
                with process_span(delivery, self.consumer):
                    await handler(tx, delivery, fetched.get(delivery.envelope.id))

    async def _handle_alone(self, item: Delivery | Poison) -> None:
        cause = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._handle([item])
            except DependencyDown:
                raise
            except Exception as error:
                cause = describe(error)
                if isinstance(error, Permanent):
                    break
                await asyncio.sleep(RETRY_SECONDS * attempt)
            else:
                return
        async with self._db.transaction() as tx:
            await dead_letters.store(tx, self.consumer, [Letter(item, "dead", cause, attempt)], self._clock.now())
        self.dead_in_a_row += 1
        self._report(item, cause)

    def _report(self, item: Delivery | Poison, cause: str) -> None:
        self.dead += 1
        source = item.source
        log.error(
            "dead_letter",
            consumer=self.consumer, topic=source.topic, partition=source.partition, offset=source.offset, cause=cause,
        )  # fmt: skip


def describe(error: Exception) -> str:
    """Name a failure for an operator without repeating a payload: our own words, or the class alone."""
    if isinstance(error, Permanent):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__
