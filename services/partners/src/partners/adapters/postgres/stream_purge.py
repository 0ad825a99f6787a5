"""What a purge of streams does in PostgreSQL: one bounded step a transaction, by one replica at a time.

A day is first given up (its digest kept, the stream's `purged_position` moved, what webhooks had not been sent counted)
and then swept, some rows at a time. A purge that ends half-way goes on from there; readers see whole days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from chassis.db import Tx
from partners.adapters.postgres.stream_erasures import TOMBSTONE
from partners.adapters.postgres.streams import TELL
from partners.domain.webhook import ERASED

PURGING: Final = 0x7374_7265_616D_7075
"""Advisory lock key of whoever purges ("streampu" in ASCII)."""

ALONE = "SELECT pg_try_advisory_xact_lock($1)"
# partner_stream is a row an organisation; stream_days_pkey is asked once for each.
DUE = """
SELECT s.organisation_id FROM partner_stream s
WHERE s.purged_position < coalesce((
    SELECT d.first_position - 1 FROM stream_days d
    WHERE d.organisation_id = s.organisation_id AND d.day >= $1 ORDER BY d.day LIMIT 1
), s.last_position) ORDER BY s.organisation_id LIMIT 1
"""
# stream_days_pkey. A day that is so old has ended, whether or not another has begun.
OLDEST_DAY = """
SELECT d.day, d.first_position, d.sha256, coalesce((
    SELECT n.first_position - 1 FROM stream_days n
    WHERE n.organisation_id = d.organisation_id AND n.day > d.day ORDER BY n.day LIMIT 1
), s.last_position) AS last_position
FROM stream_days d JOIN partner_stream s USING (organisation_id)
WHERE d.organisation_id = $1 AND d.day < $2 AND d.first_position > s.purged_position ORDER BY d.day LIMIT 1
"""
# A range of stream_events_pkey, in its order.
KEEP_DIGEST = """
UPDATE stream_days SET sha256 = (
    SELECT sha256(string_agg(uuid_send(event_id), ''::bytea ORDER BY position)) FROM stream_events
    WHERE organisation_id = $1 AND position BETWEEN $3 AND $4
) WHERE organisation_id = $1 AND day = $2 AND sha256 IS NULL
"""
# webhooks_organisation. NOWAIT: couriers write several webhooks at once, and of two that wait for each other one fails.
BEHIND = """
SELECT w.webhook_id FROM webhooks w
WHERE w.organisation_id = $1 AND (w.position < $2 OR w.replay_position < $2
    OR EXISTS (SELECT FROM webhook_waiting q WHERE q.webhook_id = w.webhook_id AND q.position <= $2))
FOR NO KEY UPDATE NOWAIT
"""
# What was erased would not have been sent: nobody misses it.
MISSED = """
UPDATE webhooks w SET missed_events = w.missed_events + m.missed
FROM (
    SELECT w.webhook_id, count(*) AS missed
    FROM webhooks w JOIN stream_events e ON e.organisation_id = w.organisation_id AND e.position BETWEEN $2 AND $3
    WHERE w.webhook_id = ANY ($1) AND e.ce_type <> $5 AND (
        (w.event_types IS NULL OR e.ce_type = ANY (w.event_types) OR e.ce_type = $4)
            AND (e.position > w.position OR (e.position > w.replay_position AND e.position <= w.replay_until))
        OR EXISTS (SELECT FROM webhook_waiting q WHERE q.webhook_id = w.webhook_id AND q.position = e.position)
    ) GROUP BY w.webhook_id
) m WHERE w.webhook_id = m.webhook_id
RETURNING w.webhook_id, m.missed
"""
# known_persons_pkey. Of whose referrals these rows alone say that the organisation was told: an erasure must reach it
# when they are gone. Nearly always nobody.
TOLD_BY_THESE = """
SELECT DISTINCT p.subject_ref FROM stream_events e JOIN known_persons p ON p.referral_id = e.subject::uuid
WHERE e.organisation_id = $1 AND e.position BETWEEN $2 AND $3
    AND (e.ce_type LIKE 'fr.maillage.referrals.referral.%' OR e.ce_type LIKE 'fr.maillage.partners.stream.%')
    AND NOT EXISTS (
        SELECT FROM told_persons t WHERE t.subject_ref = p.subject_ref AND t.organisation_id = e.organisation_id
    )
"""
GIVE_UP = "UPDATE partner_stream SET purged_position = $2 WHERE organisation_id = $1"

UNSWEPT = """
SELECT organisation_id, swept_position, purged_position FROM partner_stream
WHERE swept_position < purged_position ORDER BY organisation_id LIMIT 1
"""
# A range of stream_events_pkey that begins where the last one ended: rows deleted before are not looked at again.
SWEEP = "DELETE FROM stream_events WHERE organisation_id = $1 AND position > $2 AND position <= $3"
SWEPT = "UPDATE partner_stream SET swept_position = $2 WHERE organisation_id = $1"


@dataclass(frozen=True, slots=True)
class PurgeStep:
    """What one step did."""

    rows: int = 0
    days: int = 0
    missed: Sequence[tuple[UUID, int]] = ()
    """Webhooks, and how many of the events given up they had not been sent."""


async def purge_step(tx: Tx, oldest: date, rows_max: int) -> PurgeStep | None:
    """Sweep at most `rows_max` rows, or give up one day before `oldest`; None when there is nothing to do.

    Nor is there for whoever finds another replica purging.
    """
    if not await tx.fetchval(ALONE, PURGING):
        return None
    row = await tx.fetchrow(UNSWEPT)
    if row is not None:
        until = min(row["purged_position"], row["swept_position"] + rows_max)
        status = await tx.execute(SWEEP, row["organisation_id"], row["swept_position"], until)
        # Last: it waits for a projection, and the next one for it.
        await tx.execute(SWEPT, row["organisation_id"], until)
        return PurgeStep(rows=int(status.rpartition(" ")[2]))
    organisation_id = await tx.fetchval(DUE, oldest)
    return None if organisation_id is None else await _give_up(tx, organisation_id, oldest)


async def _give_up(tx: Tx, organisation_id: UUID, oldest: date) -> PurgeStep | None:
    day = await tx.fetchrow(OLDEST_DAY, organisation_id, oldest)
    if day is None:
        return None
    first, last = day["first_position"], day["last_position"]
    if day["sha256"] is None:
        await tx.execute(KEEP_DIGEST, organisation_id, day["day"], first, last)
    behind = [row["webhook_id"] for row in await tx.fetch(BEHIND, organisation_id, last)]
    missed = await tx.fetch(MISSED, behind, first, last, ERASED, TOMBSTONE) if behind else []
    told = [row["subject_ref"] for row in await tx.fetch(TOLD_BY_THESE, organisation_id, first, last)]
    # The stream's row before its persons, as a projection.
    await tx.execute(GIVE_UP, organisation_id, last)
    if told:
        await tx.execute(TELL, told, [organisation_id] * len(told))
    return PurgeStep(days=1, missed=[(row["webhook_id"], row["missed"]) for row in missed])
