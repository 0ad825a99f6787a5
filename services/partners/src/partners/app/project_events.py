"""Put source events into the streams of the organisations that may see them.

Positions are gapless and in commit order: they are given out while the streams' rows are locked, one organisation
after another. A scope edit has nobody to lock where it lets somebody in, so projections and edits also meet at the
scope gate, which projections share. The number of statements does not depend on the number of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from partners.app.ports import Copies, Referrals, StreamRow, Streams
from partners.domain.stream import Fact, KnownReferral, Placing


async def project_events(
    streams: Streams,
    referrals: Referrals,
    copies: Copies,
    facts: Sequence[Fact],
    known: Sequence[KnownReferral],
    at: datetime,
) -> None:
    """Append each fact, in order, to every stream that sees it, and remember where referrals stand."""
    await streams.enter_gate(to_edit=False)
    await referrals.remember(known)
    concerned = await streams.lock_concerned(facts)
    if not concerned:
        return
    present = await streams.present([fact.event_id for fact in facts])
    placing = Placing(concerned, present)
    rows: list[StreamRow] = []
    for fact in facts:
        places = list(placing.place(fact))
        if places:
            rows += copies.copy(fact, places)
    await streams.append(rows, at)
