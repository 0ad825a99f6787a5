"""The background loop that brings Kafka to what is wanted, one organisation after another.

From time to time all organisations are compared with the broker at once, and what drifted is repaired.

One replica does it at a time, the one whose session holds an advisory lock: a grant that is slow must not end after a
revocation that another replica has made meanwhile. An organisation that fails is tried again at the next round and does
not keep the others waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from prometheus_client.core import Metric

from chassis.crypto import SealBroken, Vault
from chassis.db import UNREACHABLE
from chassis.errors import DependencyDown
from chassis.runtime import Runtime
from partners.adapters.kafka_reconciler import KafkaReconciler
from partners.adapters.postgres.kafka_accesses import PostgresKafkaAccesses
from partners.app.kafka_ports import KafkaAccesses, KafkaAdministration
from partners.app.provision_kafka_access import provision_kafka_access

log = structlog.get_logger(__name__)

LOCK: Final = 0x7061_7274_6B61_666B
"""Advisory lock key of the replica that administers Kafka ("partkafk" in ASCII)."""

ROUND_SECONDS = 2.0
"""How long another replica's request waits at most; one's own is seen at once."""


class Provisioning:
    """Runs for as long as the process; `wake` starts a round at once."""

    def __init__(self, runtime: Runtime, vault: Vault, cluster: KafkaAdministration, reconcile_seconds: float) -> None:
        self._runtime = runtime
        self._vault = vault
        self._cluster = cluster
        self._reconciler = KafkaReconciler(
            cluster, runtime.clock, every_seconds=reconcile_seconds, spared=runtime.settings.kafka_username
        )
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._woken.set()

    def metrics(self) -> Iterable[Metric]:
        """Return what this replica found different on the broker, by kind."""
        return self._reconciler.metrics()

    async def run(self) -> None:
        """Do what is wanted, round after round, while this replica holds the lock."""
        lease = await self._runtime.background_db.connect()
        try:
            while not await lease.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                await self._rest()
            while True:
                await self._round()
                if self._reconciler.due():
                    await self._reconcile()
                await self._rest()
                # Raises when the session, and with it the lock, is gone.
                await lease.fetchval("SELECT 1")
        except UNREACHABLE as error:
            raise DependencyDown(f"the session that holds the lock was lost ({type(error).__name__})") from None
        finally:
            lease.terminate()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ROUND_SECONDS):
                await self._woken.wait()
        self._woken.clear()

    async def _round(self) -> None:
        async with self._accesses() as accesses:
            unsettled = await accesses.unsettled()
        for access in unsettled:
            try:
                await provision_kafka_access(self._accesses, self._cluster, access, self._runtime.clock)
            except (DependencyDown, SealBroken) as error:
                log.warning("kafka_access_waits", organisation_code=access.code, cause=str(error))
            else:
                log.info("kafka_access_settled", organisation_code=access.code, state=access.state)

    async def _reconcile(self) -> None:
        try:
            await self._reconciler.look(self._accesses)
        except DependencyDown as error:
            log.warning("kafka_reconciliation_waits", cause=str(error))
        # A topic that was gone is made by the round.
        self.wake()

    @asynccontextmanager
    async def _accesses(self) -> AsyncIterator[KafkaAccesses]:
        async with self._runtime.background_db.transaction() as tx:
            yield PostgresKafkaAccesses(tx, self._vault)
        self._runtime.doorbell.ring()
