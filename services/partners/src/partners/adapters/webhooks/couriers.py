"""Deliver webhooks: one loop a replica, for every webhook whose lease it holds.

A round writes what happened, takes over what nobody delivers, reads on and sends, with a handful of statements whatever
the number of webhooks; it is rung by commits and answers, and once a second looks for what other replicas committed and
for what has fallen due. Requests run beside the loop: so many in all, so many at receivers that fail, few at any one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog
from prometheus_client.core import Metric

from chassis.crypto import Vault
from chassis.errors import DependencyDown
from chassis.metrics import counter, gauge
from chassis.runtime import Runtime
from partners.adapters.events import publish_disabled
from partners.adapters.feed import FeedDoorbell
from partners.adapters.postgres import webhook_work as work
from partners.adapters.postgres.webhooks import purge_log
from partners.adapters.webhooks.courier import Courier, Item, Reading
from partners.adapters.webhooks.messages import of_stream
from partners.app.ports import FeedRow
from partners.app.webhook_ports import Sender
from partners.domain.webhook import OURS, WITHDRAWN, Answer

log = structlog.get_logger(__name__)

COURIERS_MAX: Final = 256
"""Webhooks a replica delivers at once; what is left over is another's, or the next round's."""

HEALTHY_AT_ONCE: Final = 96
FAILING_AT_ONCE: Final = 32
"""Requests in progress; receivers that fail or are slow have places of their own, so that they take nobody else's."""

TICK_SECONDS: Final = 1.0
RENEW_SECONDS: Final = 2.0
PURGE_SECONDS: Final = 600.0
PURGE_ROWS: Final = 5_000
STOP_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.002
"""A burst of commits or answers is one round."""


class WebhookDoorbell(FeedDoorbell):
    """The process's doorbell, which also wakes the couriers."""

    def __init__(self) -> None:
        super().__init__()
        self.couriers = asyncio.Event()
        self.committed_something = True

    def ring(self) -> None:
        super().ring()
        self.committed_something = True
        self.couriers.set()


class Couriers:
    """Runs for as long as the process."""

    def __init__(self, runtime: Runtime, vault: Vault, sender: Sender, doorbell: WebhookDoorbell) -> None:
        self._runtime = runtime
        self._vault = vault
        self._sender = sender
        self._bell = doorbell
        self._holder = uuid4()
        self._couriers: list[Courier] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        """What a request ended with that nothing foresaw: the next round raises it."""
        self._in_flight = {True: 0, False: 0}
        self._looked_at = self._renewed_at = self._purged_at = 0.0
        self.outcomes: Counter[str] = Counter()
        self.disabled = 0

    def metrics(self) -> Iterable[Metric]:
        """Return what this replica did and does; no label names an organisation."""
        attempts = counter("webhook_attempts", "Requests to receivers, by what came of them.", "outcome")
        for outcome, count in self.outcomes.items():
            attempts.add_metric([outcome], count)
        in_flight = gauge("webhook_in_flight", "Requests in progress, by the places that they take.", "places")
        in_flight.add_metric(["healthy"], self._in_flight[False])
        in_flight.add_metric(["failing"], self._in_flight[True])
        leased = gauge("webhook_leased", "Webhooks that this replica delivers now.")
        leased.add_metric([], len(self._couriers))
        disabled = counter("webhook_disabled", "Webhooks disabled after 410 or the last attempt, by this replica.")
        disabled.add_metric([], self.disabled)
        return attempts, in_flight, leased, disabled

    def revised(self) -> None:
        """Say that somebody changed a webhook: leases are looked at in the next round."""
        self._renewed_at = 0.0
        self._bell.couriers.set()

    async def run(self) -> None:
        """Deliver, round after round; a lost database is waited for."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await self._bell.couriers.wait()
                    await asyncio.sleep(GATHER_SECONDS)
                self._bell.couriers.clear()
                try:
                    await self._round()
                except DependencyDown:
                    log.warning("webhooks_wait_for_database")
                    await asyncio.sleep(TICK_SECONDS)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        # What was answered is written and the leases are free at once; whoever is killed leaves both to time.
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await self._settle(self._runtime.clock.now())
                async with self._runtime.background_db.connection() as connection:
                    await work.release(connection, self._couriers)
        except (DependencyDown, TimeoutError) as error:
            unwritten = sum(1 for courier in self._couriers if courier.changes)
            log.warning("webhook_leases_left", error_type=type(error).__name__, unwritten=unwritten)
        self._couriers.clear()
        await self._sender.close()

    async def _round(self) -> None:
        if self._broken is not None:
            # Its event would count as on its way for ever: the leases are given back, and everything begins anew.
            error, self._broken = self._broken, None
            raise error
        now, monotonic = self._runtime.clock.now(), time.monotonic()
        await self._settle(now)
        if monotonic - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = monotonic
            await self._renew()
        looks = self._bell.committed_something or monotonic - self._looked_at >= TICK_SECONDS
        if looks:
            self._bell.committed_something, self._looked_at = False, monotonic
            for courier in self._couriers:
                courier.live.unread = True
            await self._claim(now)
        await self._read_on(now)
        await self._send(now)
        await self._settle(now)
        await self._release(now)
        # One short statement a round: a full one has left some, which are the next round's.
        if monotonic - self._purged_at >= PURGE_SECONDS and await self._purge(now) < PURGE_ROWS:
            self._purged_at = monotonic

    async def _settle(self, now: datetime) -> None:
        changed = [courier for courier in self._couriers if courier.changes]
        if not changed:
            return
        batch = [(courier, courier.hand_over()) for courier in changed]
        try:
            async with self._runtime.background_db.transaction() as tx:
                settled = await work.settle(tx, batch, now)
                for row in settled.disabled:
                    await publish_disabled(tx, row["webhook_id"], row["organisation_id"], row["reason"], now)
        except BaseException:
            for courier, changes in batch:
                courier.changes = changes.then(courier.changes)
            raise
        self._keep(changed, settled.revisions)
        self.disabled += len(settled.disabled)
        for row in settled.disabled:
            log.warning("webhook_disabled", webhook_id=str(row["webhook_id"]), reason=row["reason"])
        if settled.disabled:
            self._runtime.doorbell.ring()

    async def _renew(self) -> None:
        if not self._couriers:
            return
        couriers, started = list(self._couriers), time.monotonic()
        async with self._runtime.background_db.connection() as connection:
            revisions = await work.renew(connection, couriers)
        for courier in couriers:
            courier.deadline = started + work.LEASE_SECONDS
        self._keep(couriers, revisions)

    def _keep(self, couriers: Sequence[Courier], revisions: Mapping[UUID, int]) -> None:
        lost = {courier for courier in couriers if courier.lease.webhook_id not in revisions}
        for courier in couriers:
            if courier not in lost and revisions[courier.lease.webhook_id] != courier.lease.revision:
                courier.letting_go = True
        if lost:
            log.info("webhook_leases_lost", count=len(lost))
            self._couriers = [courier for courier in self._couriers if courier not in lost]

    async def _claim(self, now: datetime) -> None:
        room = COURIERS_MAX - len(self._couriers)
        if room <= 0:
            return
        started = time.monotonic()
        async with self._runtime.background_db.transaction() as tx:
            taken = await work.claim(tx, self._vault, self._holder, room, now)
        for courier in taken:
            courier.deadline = started + work.LEASE_SECONDS
        self._couriers += taken

    async def _read_on(self, now: datetime) -> None:
        asked: list[tuple[Courier, Reading, int]] = []
        for courier in self._couriers:
            for reading in (courier.replay, courier.live):
                if reading is not None and reading.unread and courier.room:
                    asked.append((courier, reading, courier.room))
                    break
        if asked:
            async with self._runtime.background_db.connection() as connection:
                await work.read_on(connection, asked, now)

    async def _send(self, now: datetime) -> None:
        chosen = self._choose(now)
        if not chosen:
            return
        try:
            async with self._runtime.background_db.connection() as connection:
                rows = await work.bodies(connection, chosen)
        except BaseException:
            for courier, item in chosen:
                courier.put_back(item)
            raise
        for (courier, item), row in zip(chosen, rows, strict=True):
            if row is None or isinstance(row, work.Withdrawn):
                if row is None:
                    courier.gone(item, now)
                else:
                    self.outcomes[WITHDRAWN] += 1
                    courier.withdrawn(item, now)
                # What is behind it need not wait for an answer that never comes.
                self._bell.couriers.set()
                continue
            failing = courier.strained
            self._in_flight[failing] += 1
            task = asyncio.create_task(self._deliver(courier, item, row, failing))
            self._tasks.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
            self._bell.couriers.set()

    def _choose(self, now: datetime) -> list[tuple[Courier, Item]]:
        places = {True: FAILING_AT_ONCE - self._in_flight[True], False: HEALTHY_AT_ONCE - self._in_flight[False]}
        safe_until = time.monotonic() + 1
        eager = [courier for courier in self._couriers if courier.deadline > safe_until]
        chosen: list[tuple[Courier, Item]] = []
        # One each, turn by turn, so that whoever has much does not come before whoever has little.
        while eager:
            still = []
            for courier in eager:
                failing = courier.strained
                item = courier.next_item(now) if places[failing] > 0 else None
                if item is not None:
                    places[failing] -= 1
                    chosen.append((courier, item))
                    still.append(courier)
            eager = still
        # The list turns, so that nobody is always last when places run out.
        self._couriers = self._couriers[1:] + self._couriers[:1]
        return chosen

    async def _deliver(self, courier: Courier, item: Item, row: FeedRow, failing: bool) -> None:
        at = self._runtime.clock.now()
        try:
            answer, _ = await self._sender.post(courier.lease.url, courier.secrets, of_stream(item.event_id, row))
        except asyncio.CancelledError:
            courier.put_back(item)
            raise
        except Exception as error:  # noqa: BLE001  # a sender raises nothing for what a receiver does: it is ours
            # Others go on, and this one is tried again by the table; neither log nor figures put it down to a receiver.
            log.error("webhook_request_failed", error_type=type(error).__name__, event_id=str(item.event_id),
                      webhook_id=str(courier.lease.webhook_id), type=item.ce_type)  # fmt: skip
            answer = Answer(OURS)
        finally:
            self._in_flight[failing] -= 1
        self.outcomes[answer.outcome] += 1
        courier.answered(item, answer, at, self._runtime.clock.now())
        self._bell.couriers.set()

    async def _release(self, now: datetime) -> None:
        idle = [courier for courier in self._couriers if courier.idle(now)]
        if not idle:
            return
        async with self._runtime.background_db.connection() as connection:
            await work.release(connection, idle)
        gone = set(idle)
        self._couriers = [courier for courier in self._couriers if courier not in gone]
        if any(courier.letting_go for courier in idle):
            # Somebody changed it: it is taken over again with what they changed.
            self._bell.committed_something = True
            self._bell.couriers.set()

    async def _purge(self, now: datetime) -> int:
        async with self._runtime.background_db.connection() as connection:
            return await purge_log(connection, now, PURGE_ROWS)
