"""The background loop that brings Kafka to what is wanted, one organisation after another.

Several replicas may run it at once: every step can be repeated and every change of state is made under a lock. An
organisation that fails is tried again at the next round and does not keep the others waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from chassis.crypto import Vault
from chassis.errors import DependencyDown
from chassis.runtime import Runtime
from partners.adapters.postgres.kafka_accesses import PostgresKafkaAccesses
from partners.app.ports import KafkaAccesses, KafkaCluster
from partners.app.provision_kafka_access import provision_kafka_access

log = structlog.get_logger(__name__)

ROUND_SECONDS = 2.0
"""How long another replica's request waits at most; one's own is seen at once."""


class Provisioning:
    """Runs for as long as the process; `wake` starts a round at once."""

    def __init__(self, runtime: Runtime, vault: Vault, cluster: KafkaCluster) -> None:
        self._runtime = runtime
        self._vault = vault
        self._cluster = cluster
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Do what is wanted, round after round."""
        while True:
            self._woken.clear()
            await self._round()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._woken.wait()

    async def _round(self) -> None:
        async with self._accesses() as accesses:
            unsettled = await accesses.unsettled()
        for access in unsettled:
            try:
                await provision_kafka_access(self._accesses, self._cluster, access, self._runtime.clock)
            except DependencyDown as error:
                log.warning("kafka_access_waits", organisation=access.code, cause=str(error))
            else:
                log.info("kafka_access_settled", organisation=access.code, was=access.state)

    @asynccontextmanager
    async def _accesses(self) -> AsyncIterator[KafkaAccesses]:
        async with self._runtime.background_db.transaction() as tx:
            yield PostgresKafkaAccesses(tx, self._vault)
        self._runtime.doorbell.ring()
