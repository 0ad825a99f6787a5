"""What is known of referrals, kept in step with the streams: by the same transactions."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from chassis.db import Tx
from maillage_contracts import ReferralLeftScope, type_of
from partners.domain.stream import KnownReferral, Routing, Stream

# An older version changes nothing but what a later one cannot say: themes and date come with the submission alone.
REMEMBER = """
INSERT INTO known_referrals AS k
    (referral_id, version, status, open, commune, referrer_organisation_id, receiver_organisation_id, sender_kind,
     themes, submitted_at, changed_at, correlation_id)
SELECT referral_id, version, status, open, commune, referrer, receiver, sender_kind,
    string_to_array(themes, ' '), submitted_at, changed_at, correlation_id
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bool[], $5::text[], $6::uuid[], $7::uuid[], $8::text[],
            $9::text[], $10::timestamptz[], $11::timestamptz[], $12::uuid[])
    AS r(referral_id, version, status, open, commune, referrer, receiver, sender_kind, themes, submitted_at,
         changed_at, correlation_id)
ORDER BY referral_id
ON CONFLICT (referral_id) DO UPDATE SET
    themes = coalesce(k.themes, excluded.themes),
    submitted_at = coalesce(k.submitted_at, excluded.submitted_at),
    version = greatest(k.version, excluded.version),
    status = CASE WHEN excluded.version > k.version THEN excluded.status ELSE k.status END,
    open = CASE WHEN excluded.version > k.version THEN excluded.open ELSE k.open END,
    changed_at = CASE WHEN excluded.version > k.version THEN excluded.changed_at ELSE k.changed_at END
"""

# stream_events_subject answers "what was this organisation last told of it?" with one look each.
FOLLOWED = """
SELECT k.* FROM known_referrals k
CROSS JOIN LATERAL (
    SELECT e.ce_type FROM stream_events e WHERE e.organisation_id = $1 AND e.subject = k.referral_id::text
    ORDER BY e.position DESC LIMIT 1
) last
WHERE k.commune = ANY ($2) AND last.ce_type <> $3
ORDER BY k.referral_id
"""
UNFOLLOWED = """
SELECT k.* FROM known_referrals k
LEFT JOIN LATERAL (
    SELECT e.ce_type FROM stream_events e WHERE e.organisation_id = $1 AND e.subject = k.referral_id::text
    ORDER BY e.position DESC LIMIT 1
) last ON true
WHERE k.commune = ANY ($2) AND k.open AND $4 = EXISTS (
    -- organisations_sandbox: what was referred in the other world is not this stream's.
    SELECT FROM organisations o WHERE o.organisation_id = k.referrer_organisation_id AND o.sandbox
) AND k.themes IS NOT NULL AND coalesce(last.ce_type, $3) = $3
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
        )

    async def followed(self, stream: Stream, communes: Sequence[str]) -> list[KnownReferral]:
        if not communes:
            return []
        rows = await self._tx.fetch(FOLLOWED, stream.organisation_id, list(communes), LEFT_SCOPE)
        return [_known(row) for row in rows]

    async def unfollowed(self, stream: Stream, communes: Sequence[str]) -> list[KnownReferral]:
        if not communes:
            return []
        rows = await self._tx.fetch(UNFOLLOWED, stream.organisation_id, list(communes), LEFT_SCOPE, stream.sandbox)
        return [_known(row) for row in rows]


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
    )
