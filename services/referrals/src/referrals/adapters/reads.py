"""Readings of persons, written to the audit in the transaction that reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from chassis.audit import Read, record_reads
from chassis.auth import Caller
from chassis.clock import Clock
from chassis.db import Tx
from chassis.runtime import Runtime
from referrals.domain.errors import OutsideTerritory

REFERRAL = "referral"
ACCOMPANIMENT = "accompaniment"
OUT_OF_SCOPE = ".out_of_scope"
"""Ends the purpose of a reading that was refused."""


class AuditedReads:
    """The `Audit` port for one caller and one purpose, inside one transaction."""

    def __init__(self, tx: Tx, caller: Caller, purpose: str, clock: Clock, record_kind: str = REFERRAL) -> None:
        self._tx = tx
        self._caller = caller
        self._purpose = purpose
        self._clock = clock
        self._record_kind = record_kind

    async def read(self, record_ids: Sequence[UUID]) -> None:
        """Record that the caller saw who the persons of these records are; call it last in the transaction."""
        await self._record(record_ids, self._purpose)

    async def refuse(self, record_ids: Sequence[UUID]) -> None:
        """Record that the caller asked and was told nothing; call it last in the transaction, which must commit."""
        await self._record(record_ids, self._purpose + OUT_OF_SCOPE)

    async def _record(self, record_ids: Sequence[UUID], purpose: str) -> None:
        caller = self._caller
        reads = [
            Read(caller.subject, caller.organisation_id, self._record_kind, record_id, purpose)
            for record_id in record_ids
        ]
        await record_reads(self._tx, reads, self._clock)


@asynccontextmanager
async def refusals_recorded(
    runtime: Runtime, caller: Caller, purpose: str, record_id: UUID, record_kind: str = REFERRAL
) -> AsyncIterator[None]:
    """Record a command that is refused as a reading would be. Around the command's transaction, which is undone."""
    try:
        yield
    except OutsideTerritory:
        async with runtime.db.transaction() as tx:
            await AuditedReads(tx, caller, purpose, runtime.clock, record_kind).refuse([record_id])
        raise
