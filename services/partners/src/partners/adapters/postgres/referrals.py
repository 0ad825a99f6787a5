"""What is known of referrals, kept in step with the streams: by the same transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from chassis.db import Tx
from maillage_contracts import ReferralLeftScope, type_of
from partners.domain.stream import KnownReferral, KnownStep, Routing, Stream

# An older version changes nothing but what a later one cannot say: themes and date come with the submission alone.
REMEMBER = """
INSERT INTO known_referrals AS k
    (referral_id, version, status, open, commune, referrer_organisation_id, receiver_organisation_id, sender_kind,
     themes, submitted_at, changed_at, correlation_id, moved)
SELECT referral_id, version, status, open, commune, referrer, receiver, sender_kind,
    string_to_array(themes, ' '), submitted_at, changed_at, correlation_id, moved
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bool[], $5::text[], $6::uuid[], $7::uuid[], $8::text[],
            $9::text[], $10::timestamptz[], $11::timestamptz[], $12::uuid[], $13::bool[])
    AS r(referral_id, version, status, open, commune, referrer, receiver, sender_kind, themes, submitted_at,
         changed_at, correlation_id, moved)
ORDER BY referral_id
ON CONFLICT (referral_id) DO UPDATE SET
    themes = coalesce(k.themes, excluded.themes),
    submitted_at = coalesce(k.submitted_at, excluded.submitted_at),
    version = greatest(k.version, excluded.version),
    moved = k.moved OR excluded.moved,
    commune = CASE WHEN excluded.version > k.version THEN excluded.commune ELSE k.commune END,
    receiver_organisation_id = CASE
        WHEN excluded.version > k.version THEN excluded.receiver_organisation_id ELSE k.receiver_organisation_id END,
    status = CASE WHEN excluded.version > k.version THEN excluded.status ELSE k.status END,
    open = CASE WHEN excluded.version > k.version THEN excluded.open ELSE k.open END,
    changed_at = CASE WHEN excluded.version > k.version THEN excluded.changed_at ELSE k.changed_at END
"""

# known_steps_pkey. Topics come in batches sorted by step: two of them cannot wait for each other.
REMEMBER_STEPS = """
INSERT INTO known_steps AS k (step_id, kind, referral_id, version, status, open, changed_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::bool[], $7::timestamptz[])
    AS r(step_id, kind, referral_id, version, status, open, changed_at)
ORDER BY step_id
ON CONFLICT (step_id) DO UPDATE SET
    version = excluded.version, status = excluded.status, open = excluded.open, changed_at = excluded.changed_at
WHERE excluded.version > k.version
"""
# known_steps_open
OPEN_STEPS = """
SELECT kind, step_id, referral_id, version, status, open, changed_at FROM known_steps
WHERE referral_id = ANY ($1) AND open ORDER BY changed_at, step_id
"""

# known_persons_pkey. A referral is one person's for good. In its order: batches of several topics name the same ones.
REMEMBER_PERSONS = """
INSERT INTO known_persons (referral_id, subject_ref)
SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS r(referral_id, subject_ref) ORDER BY referral_id
ON CONFLICT (referral_id) DO NOTHING
"""

# stream_events_subject answers "what was this organisation last told of it?" with one look each.
LAST_TOLD = """
LEFT JOIN LATERAL (
    SELECT e.ce_type FROM stream_events e
    WHERE e.organisation_id = o.organisation_id AND e.subject = k.referral_id::text ORDER BY e.position DESC LIMIT 1
) last ON true
"""
# Where an organisation's list of types leaves referrals out, known_steps_referral finds what else it was told.
FOLLOWS = """
CASE WHEN last.ce_type IS NOT NULL THEN last.ce_type <> $3
    ELSE EXISTS (
        SELECT FROM told_persons t WHERE t.subject_ref = p.subject_ref AND t.organisation_id = o.organisation_id
    ) OR EXISTS (
        SELECT FROM known_steps s JOIN stream_events e ON e.subject = s.step_id::text
        WHERE s.referral_id = k.referral_id AND e.organisation_id = o.organisation_id
    )
END
"""
FOLLOWED = f"""
SELECT k.*, p.subject_ref FROM known_referrals k
CROSS JOIN (SELECT $1::uuid AS organisation_id) o
LEFT JOIN known_persons p USING (referral_id)
{LAST_TOLD}
WHERE k.commune = ANY ($2) AND NOT EXISTS (SELECT FROM erased_persons x WHERE x.subject_ref = p.subject_ref)
    AND {FOLLOWS}
ORDER BY k.referral_id
"""  # noqa: S608  # constants of ours
FOLLOWING = f"""
SELECT o.organisation_id, k.referral_id
FROM unnest($1::uuid[]) o(organisation_id) CROSS JOIN unnest($2::uuid[]) k(referral_id)
LEFT JOIN known_persons p USING (referral_id)
{LAST_TOLD}
WHERE {FOLLOWS}
"""  # noqa: S608  # constants of ours
PERSONS = "SELECT referral_id, subject_ref FROM known_persons WHERE referral_id = ANY ($1)"
# known_referrals_moved: the few.
MOVED_TO = "SELECT referral_id, commune FROM known_referrals WHERE moved AND referral_id = ANY ($1)"
UNFOLLOWED = """
SELECT k.*, p.subject_ref FROM known_referrals k
LEFT JOIN known_persons p USING (referral_id)
LEFT JOIN LATERAL (
    SELECT e.ce_type FROM stream_events e WHERE e.organisation_id = $1 AND e.subject = k.referral_id::text
    ORDER BY e.position DESC LIMIT 1
) last ON true
WHERE k.commune = ANY ($2) AND k.open AND $4 = EXISTS (
    -- organisations_sandbox: what was referred in the other world is not this stream's.
    SELECT FROM organisations o WHERE o.organisation_id = k.referrer_organisation_id AND o.sandbox
) AND k.themes IS NOT NULL AND coalesce(last.ce_type, $3) = $3
-- Whoever was erased stays so: no snapshot brings them back to whom it newly concerns.
AND NOT EXISTS (SELECT FROM erased_persons x WHERE x.subject_ref = p.subject_ref)
ORDER BY k.submitted_at, k.referral_id
"""

LEFT_SCOPE = type_of(ReferralLeftScope)


class PostgresReferrals:
    """Implements Referrals."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def remember(self, referrals: Sequence[KnownReferral]) -> None:
        if not referrals:
            return
        await self._tx.execute(
            REMEMBER,
            [r.referral_id for r in referrals],
            [r.version for r in referrals],
            [r.status for r in referrals],
            [r.open for r in referrals],
            [r.routing.commune for r in referrals],
            [r.routing.referrer_organisation_id for r in referrals],
            [r.routing.receiver_organisation_id for r in referrals],
            [r.routing.sender_kind for r in referrals],
            [None if r.themes is None else " ".join(r.themes) for r in referrals],
            [r.submitted_at for r in referrals],
            [r.changed_at for r in referrals],
            [r.correlation_id for r in referrals],
            [r.moved for r in referrals],
        )

    async def remember_steps(self, steps: Sequence[KnownStep]) -> None:
        if not steps:
            return
        await self._tx.execute(
            REMEMBER_STEPS,
            [s.step_id for s in steps],
            [s.kind for s in steps],
            [s.referral_id for s in steps],
            [s.version for s in steps],
            [s.status for s in steps],
            [s.open for s in steps],
            [s.changed_at for s in steps],
        )

    async def remember_persons(self, persons: Mapping[UUID, UUID]) -> None:
        if persons:
            await self._tx.execute(REMEMBER_PERSONS, list(persons), list(persons.values()))

    async def followed(self, stream: Stream, communes: Sequence[str]) -> list[KnownReferral]:
        if not communes:
            return []
        rows = await self._tx.fetch(FOLLOWED, stream.organisation_id, list(communes), LEFT_SCOPE)
        return [_known(row) for row in rows]

    async def unfollowed(self, stream: Stream, communes: Sequence[str]) -> list[KnownReferral]:
        if not communes:
            return []
        rows = await self._tx.fetch(UNFOLLOWED, stream.organisation_id, list(communes), LEFT_SCOPE, stream.sandbox)
        if not rows:
            return []
        steps = await self._steps([row["referral_id"] for row in rows])
        return [replace(_known(row), steps=tuple(steps.get(row["referral_id"], ()))) for row in rows]

    async def detailed(self, referrals: Mapping[UUID, KnownReferral]) -> dict[UUID, KnownReferral]:
        if not referrals:
            return {}
        ids = [one.referral_id for one in referrals.values()]
        steps = await self._steps(ids)
        persons = {row["referral_id"]: row["subject_ref"] for row in await self._tx.fetch(PERSONS, ids)}
        return {
            key: replace(one, steps=tuple(steps.get(one.referral_id, ())), person=persons.get(one.referral_id))
            for key, one in referrals.items()
        }

    async def following(
        self, streams: Sequence[Stream], referrals: Mapping[UUID, KnownReferral]
    ) -> set[tuple[UUID, UUID]]:
        if not referrals:
            return set()
        owners = [stream.organisation_id for stream in streams]
        ids = [one.referral_id for one in referrals.values()]
        rows = await self._tx.fetch(FOLLOWING, owners, ids, LEFT_SCOPE)
        return {(row["organisation_id"], row["referral_id"]) for row in rows}

    async def moved_to(self, referral_ids: Sequence[UUID]) -> dict[UUID, str]:
        if not referral_ids:
            return {}
        rows = await self._tx.fetch(MOVED_TO, list(referral_ids))
        return {row["referral_id"]: row["commune"] for row in rows}

    async def _steps(self, referral_ids: Sequence[UUID]) -> dict[UUID, list[KnownStep]]:
        steps: dict[UUID, list[KnownStep]] = {}
        for row in await self._tx.fetch(OPEN_STEPS, list(referral_ids)):
            steps.setdefault(row["referral_id"], []).append(KnownStep(**row))
        return steps


def _known(row: asyncpg.Record) -> KnownReferral:
    return KnownReferral(
        referral_id=row["referral_id"],
        version=row["version"],
        status=row["status"],
        routing=Routing(
            row["commune"], row["referrer_organisation_id"], row["receiver_organisation_id"], row["sender_kind"]
        ),
        themes=None if row["themes"] is None else tuple(row["themes"]),
        submitted_at=row["submitted_at"],
        changed_at=row["changed_at"],
        correlation_id=row["correlation_id"],
        person=row["subject_ref"],
    )
