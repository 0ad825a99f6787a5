"""What delivering replicas read and write: a handful of statements a round, for all their webhooks at once.

A webhook is delivered by the replica whose lease it is. A lease has a number (`fence`): whoever lost theirs writes
nothing. Rows of different webhooks never meet, and one webhook's are written under its own row's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from chassis.crypto import Vault, WrappedKey
from chassis.db import Tx
from partners.adapters.postgres.stream_erasures import TOMBSTONE
from partners.adapters.postgres.webhooks import log_attempts, secret_context
from partners.adapters.webhooks.courier import Changes, Courier, Item, Lease, Reading
from partners.app.ports import FeedRow

LEASE_SECONDS: Final = 8.0
"""After this long without a sign of life another replica takes over."""

POSITION_MAX: Final = 2**63 - 1

# Few rows: the webhooks of all organisations. partner_stream_pkey says whether there is something new, and
# webhook_waiting_due whether something is due. Whoever was served longest ago comes first.
CLAIM = """
WITH free AS (
    SELECT w.webhook_id FROM webhooks w JOIN partner_stream s USING (organisation_id)
    WHERE w.state = 'active' AND (w.holder IS NULL OR w.lease_until < clock_timestamp())
      AND (w.quiet_until IS NULL OR w.quiet_until <= $2)
      AND (EXISTS (SELECT FROM webhook_waiting q WHERE q.webhook_id = w.webhook_id AND q.due_at <= $2)
        OR ((s.last_position > w.position OR w.replay_position IS NOT NULL)
            AND (w.probe_after IS NULL OR w.probe_after <= $2)))
    ORDER BY w.lease_until NULLS FIRST LIMIT $3 FOR UPDATE OF w SKIP LOCKED
)
UPDATE webhooks w SET holder = $1, fence = w.fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => $4)
FROM free, partner_stream s
WHERE w.webhook_id = free.webhook_id AND s.organisation_id = w.organisation_id
RETURNING w.webhook_id, w.organisation_id, s.code, w.url, w.event_types, w.position, w.replay_position,
    w.replay_until, w.failures, w.probe_after, w.quiet_until, w.revision, w.fence, w.slow
"""
SECRETS = """
SELECT webhook_id, secret_id, sealed, sealing_key FROM webhook_secrets
WHERE webhook_id = ANY ($1) AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at DESC
"""
WAITING = """
SELECT webhook_id, position, again, event_id, ce_type, subject, attempts, first_at, due_at FROM webhook_waiting
WHERE webhook_id = ANY ($1) ORDER BY webhook_id, position, again
"""
# A range of stream_events_pkey for each. What keeps its order together is the referral that led to it, where one did:
# steps of an accompaniment, an appointment or an enrolment have subjects of their own. All but an erasure have one.
# What was erased is withdrawn when its turn comes, if what stood there was asked for: the log says its type.
READ = """
SELECT r.n, e.position, e.event_id,
    CASE WHEN e.ce_type = $5 THEN convert_from(e.payload, 'UTF8')::json ->> 'erased_type' ELSE e.ce_type END AS ce_type,
    coalesce(convert_from(e.payload, 'UTF8')::json ->> 'referral_id', e.subject) AS subject
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::int[])
    WITH ORDINALITY AS r(organisation_id, after, until, room, n)
CROSS JOIN LATERAL (
    SELECT position, event_id, ce_type, subject, payload FROM stream_events e
    WHERE e.organisation_id = r.organisation_id AND e.position > r.after AND e.position <= r.until
    ORDER BY e.position LIMIT r.room
) e ORDER BY r.n, e.position
"""
# Asked just before sending, so that it holds for a first attempt, for one after hours, a crash or a pause, and for what
# somebody wants again. Where a person was erased the row says so, by the same transaction; the two look-ups by primary
# key are for rows that an earlier version left as they were (stream_erasures), for as long as that takes.
BODIES = """
SELECT r.n, e.position, e.headers, e.payload, e.ce_type = $4 OR EXISTS (
    SELECT FROM known_persons p JOIN erased_persons USING (subject_ref) WHERE p.referral_id = r.referral_id
) AS withdrawn
FROM unnest($1::uuid[], $2::bigint[], $3::uuid[]) WITH ORDINALITY AS r(organisation_id, position, referral_id, n)
JOIN stream_events e USING (organisation_id, position)
"""
RENEW = """
UPDATE webhooks w SET lease_until = clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::uuid[], $2::bigint[]) AS r(webhook_id, fence)
WHERE w.webhook_id = r.webhook_id AND w.fence = r.fence
RETURNING w.webhook_id, w.revision
"""
# What people changed meanwhile (revision) is theirs: only the position is ours whatever they did.
PROGRESS = """
UPDATE webhooks w SET position = r.position,
    replay_position = CASE WHEN w.revision = r.revision THEN r.replay ELSE w.replay_position END,
    replay_until = CASE WHEN w.revision <> r.revision OR r.replay IS NOT NULL THEN w.replay_until END,
    failures = CASE WHEN w.revision = r.revision THEN r.failures ELSE w.failures END,
    probe_after = CASE WHEN w.revision = r.revision THEN r.probe_after ELSE w.probe_after END,
    quiet_until = CASE WHEN w.revision = r.revision THEN r.quiet_until ELSE w.quiet_until END,
    last_success_at = coalesce(r.last_success_at, w.last_success_at), slow = r.slow,
    lease_until = clock_timestamp() + make_interval(secs => $11)
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::timestamptz[],
            $8::timestamptz[], $9::timestamptz[], $10::bool[])
    AS r(webhook_id, fence, revision, position, replay, failures, probe_after, quiet_until, last_success_at, slow)
WHERE w.webhook_id = r.webhook_id AND w.fence = r.fence
RETURNING w.webhook_id, w.revision
"""
REMOVE = """
DELETE FROM webhook_waiting q USING unnest($1::uuid[], $2::bigint[], $3::bool[]) AS r(webhook_id, position, again)
WHERE q.webhook_id = r.webhook_id AND q.position = r.position AND q.again = r.again
"""
STORE = """
INSERT INTO webhook_waiting (webhook_id, position, again, event_id, ce_type, subject, attempts, first_at, due_at)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bool[], $4::uuid[], $5::text[], $6::text[], $7::int[],
                     $8::timestamptz[], $9::timestamptz[])
ON CONFLICT (webhook_id, position, again) DO UPDATE SET attempts = excluded.attempts, due_at = excluded.due_at
"""
DISABLE = """
UPDATE webhooks w SET state = 'disabled', reason = r.reason, changed_at = $3, revision = w.revision + 1
FROM unnest($1::uuid[], $2::text[]) AS r(webhook_id, reason)
WHERE w.webhook_id = r.webhook_id AND w.state = 'active'
RETURNING w.webhook_id, w.organisation_id, w.reason
"""
RELEASE = """
UPDATE webhooks w SET holder = NULL FROM unnest($1::uuid[], $2::bigint[]) AS r(webhook_id, fence)
WHERE w.webhook_id = r.webhook_id AND w.fence = r.fence
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the leases that were written about."""

    revisions: dict[UUID, int]
    """Of those that are still ours."""
    disabled: list[asyncpg.Record]


class Withdrawn:
    """Stands for an event whose person was erased later on the same stream."""


async def claim(tx: Tx, vault: Vault, holder: UUID, room: int, now: datetime) -> list[Courier]:
    """Take over webhooks that nobody delivers and that have something to deliver."""
    rows = await tx.fetch(CLAIM, holder, now, room, LEASE_SECONDS)
    if not rows:
        return []
    ids = [row["webhook_id"] for row in rows]
    secrets: dict[UUID, list[str]] = {}
    for row in await tx.fetch(SECRETS, ids, now):
        context = secret_context(row["webhook_id"], row["secret_id"])
        opened = vault.open(WrappedKey(row["sealing_key"]), row["sealed"], context=context).decode()
        secrets.setdefault(row["webhook_id"], []).append(opened)
    waiting: dict[UUID, list[Item]] = {}
    for row in await tx.fetch(WAITING, ids):
        waiting.setdefault(row["webhook_id"], []).append(
            Item(row["position"], row["again"], row["event_id"], row["ce_type"], row["subject"], row["attempts"],
                 row["first_at"], row["due_at"], stored=True)
        )  # fmt: skip
    return [
        Courier(_lease(row), secrets.get(row["webhook_id"], []), waiting.get(row["webhook_id"], ()), now)
        for row in rows
    ]


def _lease(row: asyncpg.Record) -> Lease:
    types = row["event_types"]
    return Lease(**{**dict(row), "event_types": None if types is None else tuple(types)})


async def read_on(tx: Tx, asked: Sequence[tuple[Courier, Reading, int]], now: datetime) -> None:
    """Give each courier the next events of a range, at most as many as it has room for."""
    rows = await tx.fetch(
        READ,
        [courier.lease.organisation_id for courier, _, _ in asked],
        [reading.read_to for _, reading, _ in asked],
        [POSITION_MAX if reading.until is None else reading.until for _, reading, _ in asked],
        [room for *_, room in asked],
        TOMBSTONE,
    )
    found: list[list[Item]] = [[] for _ in asked]
    for row in rows:
        reading = asked[row["n"] - 1][1]
        found[row["n"] - 1].append(
            Item(row["position"], reading.until is not None, row["event_id"], row["ce_type"], row["subject"])
        )
    for (courier, reading, room), items in zip(asked, found, strict=True):
        courier.take(reading, items, whole=len(items) < room, now=now)


async def bodies(tx: Tx, wanted: Sequence[tuple[Courier, Item]]) -> list[FeedRow | Withdrawn | None]:
    """Return the stored events, in order; None for one that is no longer there.

    One that is older than the erasure of its person, on its stream, is not to be sent.
    """
    rows = await tx.fetch(
        BODIES,
        [courier.lease.organisation_id for courier, _ in wanted],
        [item.position for _, item in wanted],
        [_referral(item) for _, item in wanted],
        TOMBSTONE,
    )
    found = {row["n"]: _body(row) for row in rows}
    return [found.get(n) for n in range(1, len(wanted) + 1)]


def _body(row: asyncpg.Record) -> FeedRow | Withdrawn:
    return Withdrawn() if row["withdrawn"] else FeedRow(row["position"], row["headers"], row["payload"])


def _referral(item: Item) -> UUID | None:
    try:
        return UUID(item.subject)
    except ValueError:  # a subject that is no referral's: it is about nobody
        return None


async def renew(tx: Tx, couriers: Sequence[Courier]) -> dict[UUID, int]:
    """Keep the leases; return the revisions of those that are still ours."""
    rows = await tx.fetch(RENEW, *_keys(couriers), LEASE_SECONDS)
    return {row["webhook_id"]: row["revision"] for row in rows}


async def settle(tx: Tx, batch: Sequence[tuple[Courier, Changes]], now: datetime) -> Settled:
    """Write what happened since the last time; of a webhook that is no longer ours, nothing.

    Everything is as it was handed over: what is answered while a connection is waited for is not in these changes.
    """
    couriers = [courier for courier, _ in batch]
    at = [changes.handed_over_at for _, changes in batch]
    rows = await tx.fetch(
        PROGRESS, *_keys(couriers), [c.lease.revision for c in couriers], [p.position for p in at],
        [p.replay for p in at], [p.failures for p in at], [p.probe_after for p in at], [p.quiet_until for p in at],
        [changes.last_success_at for _, changes in batch], [p.slow for p in at], LEASE_SECONDS,
    )  # fmt: skip
    revisions = {row["webhook_id"]: row["revision"] for row in rows}
    ours = [(c.lease.webhook_id, changes) for c, changes in batch if c.lease.webhook_id in revisions]
    removed = [(webhook_id, *key) for webhook_id, changes in ours for key in changes.removed]
    if removed:
        await tx.execute(REMOVE, *_columns(removed))
    stored = [(webhook_id, item) for webhook_id, changes in ours for item in changes.stored.values()]
    if stored:
        await tx.execute(STORE, *_columns([_stored(webhook_id, item) for webhook_id, item in stored]))
    await log_attempts(tx, [attempt for _, changes in ours for attempt in changes.attempts])
    disabled = [(webhook_id, changes.disabled) for webhook_id, changes in ours if changes.disabled is not None]
    told = await tx.fetch(DISABLE, *_columns(disabled), now) if disabled else []
    return Settled(revisions, list(told))


async def release(tx: Tx, couriers: Sequence[Courier]) -> None:
    """Give leases back."""
    await tx.execute(RELEASE, *_keys(couriers))


def _stored(webhook_id: UUID, item: Item) -> tuple[Any, ...]:
    return (webhook_id, item.position, item.again, item.event_id, item.ce_type, item.subject, item.attempts,
            item.first_at, item.due_at)  # fmt: skip


def _keys(couriers: Sequence[Courier]) -> tuple[list[UUID], list[int]]:
    return [courier.lease.webhook_id for courier in couriers], [courier.lease.fence for courier in couriers]


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
