"""Delivered twice changes nothing: an event is claimed in the transaction of its effect.

Rows are kept longer than any topic keeps its records, so that a replay never repeats an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from chassis.db import Tx

RETENTION = timedelta(days=45)
"""Longer than internal retention (30 days) plus the longest replay (architecture §5)."""

PURGE_ROWS = 5000
"""Rows per purge statement: short locks, little WAL at once."""

# The primary key (consumer, event_id) is the lock; there is no separate SELECT to race with.
CLAIM = """
INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS t(id)
ON CONFLICT DO NOTHING RETURNING event_id
"""


async def claim(tx: Tx, *, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """Record that `consumer` handles these events now; return those it had not handled before.

    Takes them sorted: two batches that claim in different orders would deadlock. Waits while another transaction
    is handling one of them, and answers by how that one ends.
    """
    if not event_ids:
        return set()
    return {row["event_id"] for row in await tx.fetch(CLAIM, consumer, sorted(set(event_ids)))}


# inbox_handled_at (brin) finds old rows; ctid deletes them without a second index look-up.
PURGE = """
DELETE FROM inbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM inbox WHERE handled_at < $1 LIMIT $2))
"""


async def purge(tx: Tx, *, now: datetime) -> int:
    """Delete at most PURGE_ROWS claims older than RETENTION; return how many."""
    status = await tx.execute(PURGE, now - RETENTION, PURGE_ROWS)
    return int(status.split()[-1])
