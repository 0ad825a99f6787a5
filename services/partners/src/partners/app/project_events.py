"""Put source events into the streams of the organisations that may see them.

Positions are gapless and in commit order: they are given out while the streams' rows are locked, one organisation
after another. A scope edit has nobody to lock where it lets somebody in, so projections and edits also meet at the
scope gate, which projections share. An erasure enters it alone: it must reach whoever is being told of the person at
that moment, by whichever topic, and nothing about the person may follow it. Locks are taken in one order, the gate and
then streams by organisation. The number of statements does not depend on the number of events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from partners.app.ports import Copies, Referrals, StreamRow, Streams
from partners.domain.stream import Fact, KnownReferral, KnownStep, Matter, Placing


async def project_events(
    streams: Streams,
    referrals: Referrals,
    copies: Copies,
    facts: Sequence[Fact],
    known: Sequence[KnownReferral],
    steps: Sequence[KnownStep],
    persons: Mapping[UUID, UUID],
    at: datetime,
) -> None:
    """Append each fact, in order, to every stream that sees it; remember where referrals and steps stand."""
    erasures = sorted({f.person for f in facts if f.matter is Matter.ERASURE and f.person is not None})
    others = sorted({f.person for f in facts if f.matter is not Matter.ERASURE and f.person is not None})
    await streams.enter_gate(alone=bool(erasures))
    await referrals.remember(known)
    await referrals.remember_steps(steps)
    await referrals.remember_persons(persons)
    erased = await streams.erased(others)
    await streams.note_erased(erasures, at)
    concerned = await streams.lock_concerned(facts)
    if not concerned:
        return
    present = await streams.present([fact.event_id for fact in facts])
    placing = Placing(concerned, present, erased, await streams.of_sandbox(facts))
    rows: list[StreamRow] = []
    for fact in facts:
        places = list(placing.place(fact))
        if places:
            rows += copies.copy(fact, places)
    await streams.append(rows, at)
