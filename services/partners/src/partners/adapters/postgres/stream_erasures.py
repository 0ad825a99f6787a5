"""Rows of persons who were erased, rewritten where they stand: a statement for some hundred persons.

A row keeps its position, its event's id, source and time, and the hour at which it was stored; the rest is that of
`EventErased`. So every reading, a topic made from the rows and a day's digest go on as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from chassis.db import Tx
from maillage_contracts import EventErased, PersonErased, type_of
from maillage_contracts.registry import dataschema_of

TOMBSTONE: Final = type_of(EventErased)

PERSONS_MAX: Final = 250
"""A statement; a batch has 1,000 at most. Some 50 µs a row: it stays far below a statement's ten seconds."""

# known_persons_subject, known_steps_referral, then stream_events_subject: as many look-ups as the persons have
# referrals and steps, as many writes as rows. Headers are made anew: what is not named here is not kept, traces and
# stories least of all. The story of a tombstone is its own. What is purged is left to the sweep, which may be deleting
# it.
ERASE = """
WITH erased AS (
    UPDATE erased_persons SET rows_erased = true WHERE subject_ref = ANY ($1)
    RETURNING subject_ref, (erased_at AT TIME ZONE 'UTC')::date AS erased_on
), referrals AS (
    SELECT p.referral_id, x.erased_on FROM erased x JOIN known_persons p USING (subject_ref)
), about AS (
    SELECT subject_ref::text AS subject, erased_on FROM erased
    UNION ALL SELECT referral_id::text, erased_on FROM referrals
    UNION ALL SELECT s.step_id::text, r.erased_on FROM referrals r JOIN known_steps s USING (referral_id)
)
UPDATE stream_events e SET ce_type = $2, subject = e.event_id::text,
    headers = jsonb_build_object(
        'ce_specversion', e.headers -> 'ce_specversion', 'ce_id', e.headers -> 'ce_id',
        'ce_source', e.headers -> 'ce_source', 'ce_time', e.headers -> 'ce_time',
        'content-type', e.headers -> 'content-type', 'ce_type', $2::text, 'ce_dataschema', $3::text,
        'ce_subject', e.event_id, 'ce_partitionkey', e.event_id, 'ce_correlationid', e.event_id),
    payload = convert_to(format('{"aggregate_version":1,"event_id":"%s","erased_type":"%s","erased_on":"%s"}',
        e.event_id, e.ce_type, a.erased_on), 'UTF8')
FROM about a
WHERE e.subject = a.subject AND e.ce_type <> $4 AND e.position > (
    SELECT s.purged_position FROM partner_stream s WHERE s.organisation_id = e.organisation_id
)
"""
# erased_persons_rows_left: nearly always nobody.
LEFT = "SELECT subject_ref FROM erased_persons WHERE NOT rows_erased ORDER BY subject_ref LIMIT $1"
# told_persons_pkey. As a projection locks them: nothing is published or given up meanwhile.
LOCK_TOLD = """
SELECT FROM partner_stream WHERE organisation_id = ANY (ARRAY(
    SELECT organisation_id FROM told_persons WHERE subject_ref = ANY ($1)
)) ORDER BY organisation_id FOR UPDATE
"""


async def erase_rows(tx: Tx, persons: Sequence[UUID]) -> int:
    """Rewrite every row that leads to these persons, but their erasure; return how many.

    The persons are among the erased, the caller is alone in the gate, and the streams told of them are locked.
    """
    rows, known = 0, (TOMBSTONE, dataschema_of(TOMBSTONE), type_of(PersonErased))
    for first in range(0, len(persons), PERSONS_MAX):
        status = await tx.execute(ERASE, list(persons[first : first + PERSONS_MAX]), *known)
        rows += int(status.rpartition(" ")[2])
    return rows


async def persons_left(tx: Tx, persons_max: int) -> list[UUID]:
    """Return persons whose rows an earlier version left as they were."""
    return [row["subject_ref"] for row in await tx.fetch(LEFT, persons_max)]


async def lock_told(tx: Tx, persons: Sequence[UUID]) -> None:
    """Lock, in the order of organisations, the streams that were told of these persons."""
    await tx.execute(LOCK_TOLD, list(persons))
