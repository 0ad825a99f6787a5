"""Delivered twice changes nothing: an event is claimed in the transaction of its effect.

Rows are kept longer than any topic keeps its records, so that a replay never repeats an effect: settings that would
forget sooner are refused at start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from chassis.db import Tx
from chassis.errors import SettingsRefused
from chassis.settings import ServiceSettings
from maillage_contracts import TOPICS

PURGE_ROWS = 5000
"""Rows per purge statement: short locks, little WAL at once."""

_TOPIC_DAYS: Final = {topic.name: topic.retention_days for topic in TOPICS}

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


async def purge(tx: Tx, *, now: datetime, keep: timedelta) -> int:
    """Delete at most PURGE_ROWS claims older than `keep`; return how many."""
    status = await tx.execute(PURGE, now - keep, PURGE_ROWS)
    return int(status.split()[-1])


def refuse_forgetting(settings: ServiceSettings, topics: Iterable[str]) -> None:
    """Raise SettingsRefused when a record that its topic still keeps could be handled a second time.

    A topic without an end is left out: what is read from it (who takes part) is kept by version, and a repeat of it
    changes nothing.
    """
    longest = max((_TOPIC_DAYS.get(topic) or 0 for topic in topics), default=0)
    if longest and settings.inbox_days < longest + settings.replay_days:
        raise SettingsRefused(
            f"MAILLAGE_INBOX_DAYS is {settings.inbox_days}: topics keep records for {longest} days and a replay may lie"
            f" {settings.replay_days} days behind (MAILLAGE_REPLAY_DAYS), so write at least"
            f" {longest + settings.replay_days}; sooner, an event that is read again would be handled twice"
        )
