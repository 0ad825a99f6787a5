"""Readings of personal data, written to the audit in the transaction that reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from chassis.audit import Read, record_reads
from chassis.auth import Caller
from chassis.clock import Clock
from chassis.db import Tx
from chassis.runtime import Runtime
from registration.domain.errors import OutsideTerritory

PERSON = "person"
APPOINTMENT = "appointment"
ACCOMPANIMENT = "accompaniment"
"""What a record is: the id of a person is its reference."""
ERASURE = "erasure"
"""The purpose under which it is kept that somebody was erased, and at whose request."""
OUT_OF_SCOPE = ".out_of_scope"
"""Ends the purpose of a reading, or of an act, that was refused; of which act is never said."""


NOBODY = UUID(int=0)
"""The organisation of somebody who acts for none: the person."""


class OwnErasure:
    """The `Audit` port for a person who acts by their own link: that they did so is kept, not by which link."""

    def __init__(self, tx: Tx, clock: Clock) -> None:
        self._tx = tx
        self._clock = clock

    async def read(self, record_ids: Sequence[UUID]) -> None:
        """Record it; call it last in the transaction."""
        await record_reads(self._tx, [Read("person", NOBODY, PERSON, id_, ERASURE) for id_ in record_ids], self._clock)


class AuditedReads:
    """The `Audit` port for one caller, one purpose and one kind of record, inside one transaction."""

    def __init__(self, tx: Tx, caller: Caller, kind: str, purpose: str, clock: Clock) -> None:
        self._tx = tx
        self._caller = caller
        self._kind = kind
        self._purpose = purpose
        self._clock = clock

    async def read(self, record_ids: Sequence[UUID]) -> None:
        """Record that the caller saw who these are about; call it last in the transaction."""
        caller = self._caller
        reads = [Read(caller.subject, caller.organisation_id, self._kind, id_, self._purpose) for id_ in record_ids]
        await record_reads(self._tx, reads, self._clock)


@asynccontextmanager
async def refusals_recorded(
    runtime: Runtime, caller: Caller, kind: str, purpose: str, record_id: UUID
) -> AsyncIterator[None]:
    """Record what a council asks outside its territory. Around the transaction, which is undone."""
    try:
        yield
    except OutsideTerritory:
        async with runtime.db.transaction() as tx:
            await AuditedReads(tx, caller, kind, purpose + OUT_OF_SCOPE, runtime.clock).read([record_id])
        raise
