"""Webhooks in PostgreSQL, as people manage them: settings, secrets (sealed), what waits, and the delivery log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from chassis.crypto import Vault, WrappedKey
from chassis.db import Tx
from partners.adapters.postgres.stream_erasures import TOMBSTONE
from partners.app.webhook_ports import Attempt
from partners.domain.webhook import LOG_DAYS, Secret, State, Webhook

_SEEN: Final = (
    "webhook_id, organisation_id, url, event_types, state, reason, position, replay_position, replay_until,"
    " failures, last_success_at, created_at, changed_at, missed_events"
)
# webhooks_organisation.
ALL_OF = f"SELECT {_SEEN} FROM webhooks WHERE organisation_id = $1 ORDER BY webhook_id"  # noqa: S608  # our own text
FIND = f"SELECT {_SEEN} FROM webhooks WHERE webhook_id = $1 AND organisation_id = $2"  # noqa: S608
LOCK_OWNER = "SELECT last_position FROM partner_stream WHERE organisation_id = $1 FOR NO KEY UPDATE"
ADD = """
INSERT INTO webhooks (webhook_id, organisation_id, url, event_types, state, position, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
"""
CHANGE = """
UPDATE webhooks SET state = $2, reason = $3, replay_position = $4, replay_until = $5, failures = $6,
    probe_after = NULL, quiet_until = NULL, changed_at = $7, revision = revision + 1
WHERE webhook_id = $1
"""
DELETE = "DELETE FROM webhooks WHERE webhook_id = $1"

# The first of each aggregate; the others stay behind it.
RETRY_NOW = """
UPDATE webhook_waiting q SET attempts = 0, first_at = $2::timestamptz,
    due_at = CASE WHEN q.position = first.position AND q.again = first.again THEN $2::timestamptz END
FROM (
    SELECT DISTINCT ON (subject) subject, position, again FROM webhook_waiting
    WHERE webhook_id = $1 ORDER BY subject, position, again
) first
WHERE q.webhook_id = $1 AND q.subject = first.subject
"""
ADD_SECRET = """
INSERT INTO webhook_secrets (secret_id, webhook_id, sealed, sealing_key, created_at) VALUES ($1, $2, $3, $4, $5)
"""
EXPIRE_SECRETS = """
UPDATE webhook_secrets SET expires_at = least(expires_at, $3) WHERE webhook_id = $1 AND secret_id <> $2
"""
LIVE = """
SELECT secret_id, sealed, sealing_key, created_at, expires_at FROM webhook_secrets
WHERE webhook_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at DESC, secret_id
"""
# stream_events' unique (event_id, organisation_id) finds it.
SEND_AGAIN = """
INSERT INTO webhook_waiting (webhook_id, position, again, event_id, ce_type, subject, attempts, first_at, due_at)
SELECT $1, e.position, true, e.event_id,
    CASE WHEN e.ce_type = $5 THEN convert_from(e.payload, 'UTF8')::json ->> 'erased_type' ELSE e.ce_type END,
    coalesce(convert_from(e.payload, 'UTF8')::json ->> 'referral_id', e.subject), 0, $4, $4
FROM stream_events e WHERE e.event_id = $3 AND e.organisation_id = $2
ON CONFLICT (webhook_id, position, again) DO UPDATE SET attempts = 0, due_at = excluded.due_at
RETURNING position
"""
REVISED = "UPDATE webhooks SET revision = revision + 1 WHERE webhook_id = $1"
BOUNDS = "SELECT purged_position, last_position FROM partner_stream WHERE organisation_id = $1"
AT_OR_AFTER = """
SELECT position, created_at FROM stream_events WHERE organisation_id = $1 AND position >= $2 ORDER BY position LIMIT 1
"""
WAITING = """
SELECT webhook_id, count(*) AS events, min(first_at) AS since FROM webhook_waiting
WHERE webhook_id = ANY ($1) GROUP BY webhook_id
"""
LOG = """
INSERT INTO webhook_attempts
    (webhook_id, event_id, ce_type, position, kind, attempt, at, took_ms, outcome, status, answer, next_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::int[], $7::timestamptz[],
                     $8::int[], $9::text[], $10::int[], $11::text[], $12::timestamptz[])
"""
# webhook_attempts_webhook, backwards.
LOG_PAGE = """
SELECT attempt_id, event_id, ce_type, position, kind, attempt, at, took_ms, outcome, status, answer, next_at
FROM webhook_attempts
WHERE webhook_id = $1 AND attempt_id < $2 AND ($3::text IS NULL OR ($3 = 'delivered') = (outcome = 'delivered'))
  AND ($4::uuid IS NULL OR event_id = $4)
ORDER BY attempt_id DESC LIMIT $5
"""
# webhook_attempts_at.
PURGE_LOG = """
DELETE FROM webhook_attempts WHERE attempt_id = ANY (ARRAY(
    SELECT attempt_id FROM webhook_attempts WHERE at < $1 ORDER BY at LIMIT $2))
"""
EVERY = """
SELECT s.code, w.webhook_id, w.state, w.reason, w.failures, w.last_success_at, w.changed_at,
    s.last_position - w.position AS behind
FROM webhooks w JOIN partner_stream s USING (organisation_id)
WHERE ($1::text IS NULL OR w.state = $1) AND w.webhook_id > $2 ORDER BY w.webhook_id LIMIT $3
"""

CLOCKS_APART = timedelta(minutes=1)
"""Rows are stamped before their positions are given out: near an instant a few may be out of step."""


def secret_context(webhook_id: UUID, secret_id: UUID) -> str:
    """Return the place of a sealed secret."""
    return f"partners.webhook:{webhook_id}:secret:{secret_id}"


class PostgresWebhooks:
    """Implements Webhooks."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    @property
    def tx(self) -> Tx:
        """The transaction that is open."""
        return self._tx

    async def all_of(self, organisation_id: UUID) -> list[Webhook]:
        return [webhook_of(row) for row in await self._tx.fetch(ALL_OF, organisation_id)]

    async def lock_owner(self, organisation_id: UUID) -> int:
        return int(await self._tx.fetchval(LOCK_OWNER, organisation_id) or 0)

    async def find(self, organisation_id: UUID, webhook_id: UUID, *, lock: bool = False) -> Webhook | None:
        row = await self._tx.fetchrow(FIND + (" FOR UPDATE" if lock else ""), webhook_id, organisation_id)
        return None if row is None else webhook_of(row)

    async def add(self, webhook: Webhook) -> None:
        types = None if webhook.event_types is None else list(webhook.event_types)
        await self._tx.execute(
            ADD, webhook.webhook_id, webhook.organisation_id, webhook.url, types, webhook.state.value,
            webhook.position, webhook.created_at,
        )  # fmt: skip

    async def change(self, webhook: Webhook, at: datetime) -> None:
        await self._tx.execute(
            CHANGE, webhook.webhook_id, webhook.state.value, webhook.reason, webhook.replay_position,
            webhook.replay_until, webhook.failures, at,
        )  # fmt: skip

    async def delete(self, webhook_id: UUID) -> None:
        await self._tx.execute(DELETE, webhook_id)

    async def retry_now(self, webhook_id: UUID, at: datetime) -> None:
        await self._tx.execute(RETRY_NOW, webhook_id, at)

    async def add_secret(self, webhook_id: UUID, secret_id: UUID, secret: str, at: datetime) -> None:
        key = self._vault.new_person_key()
        sealed = self._vault.seal(key, secret.encode(), context=secret_context(webhook_id, secret_id))
        await self._tx.execute(ADD_SECRET, secret_id, webhook_id, sealed, bytes(key), at)
        await self._tx.execute(REVISED, webhook_id)

    async def expire_secrets(self, webhook_id: UUID, except_id: UUID, at: datetime) -> None:
        await self._tx.execute(EXPIRE_SECRETS, webhook_id, except_id, at)
        await self._tx.execute(REVISED, webhook_id)

    async def secrets(self, webhook_id: UUID, at: datetime) -> list[Secret]:
        rows = await self._tx.fetch(LIVE, webhook_id, at)
        return [Secret(row["secret_id"], row["created_at"], row["expires_at"]) for row in rows]

    async def signing(self, webhook_id: UUID, at: datetime) -> list[str]:
        return [
            self._vault.open(
                WrappedKey(row["sealing_key"]), row["sealed"], context=secret_context(webhook_id, row["secret_id"])
            ).decode()
            for row in await self._tx.fetch(LIVE, webhook_id, at)
        ]

    async def send_again(self, webhook: Webhook, event_id: UUID, at: datetime) -> int | None:
        position = await self._tx.fetchval(
            SEND_AGAIN, webhook.webhook_id, webhook.organisation_id, event_id, at, TOMBSTONE
        )
        await self._tx.execute(REVISED, webhook.webhook_id)
        return position if position is None else int(position)

    async def position_since(self, organisation_id: UUID, since: datetime) -> int:
        # By halves, over positions that follow time: an index of its own would cost every projected event.
        bounds = await self._tx.fetchrow(BOUNDS, organisation_id)
        if bounds is None:
            return 0
        low, high, wanted = bounds["purged_position"] + 1, bounds["last_position"] + 1, since - CLOCKS_APART
        while low < high:
            middle = (low + high) // 2
            row = await self._tx.fetchrow(AT_OR_AFTER, organisation_id, middle)
            if row is None or row["created_at"] >= wanted:
                high = middle
            else:
                low = int(row["position"]) + 1
        return int(low) - 1

    async def purged(self, organisation_id: UUID) -> int:
        bounds = await self._tx.fetchrow(BOUNDS, organisation_id)
        return 0 if bounds is None else int(bounds["purged_position"])

    async def waiting(self, webhook_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, datetime]]:
        rows = await self._tx.fetch(WAITING, list(webhook_ids))
        return {row["webhook_id"]: (row["events"], row["since"]) for row in rows}

    async def log(self, attempts: Sequence[Attempt]) -> None:
        await log_attempts(self._tx, attempts)

    async def every(self, state: str | None, after: UUID, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return webhooks of all organisations, without their addresses, in the order of their ids."""
        return [dict(row) for row in await self._tx.fetch(EVERY, state, after, limit)]

    async def log_page(
        self, webhook_id: UUID, before: int, outcome: str | None, event_id: UUID | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Return rows of the delivery log, newest first."""
        rows = await self._tx.fetch(LOG_PAGE, webhook_id, before, outcome, event_id, limit)
        return [dict(row) for row in rows]


async def log_attempts(tx: Tx, attempts: Sequence[Attempt]) -> None:
    """Add attempts to the log, in one statement."""
    if not attempts:
        return
    rows = [
        (a.webhook_id, a.event_id, a.ce_type, a.position, a.kind, a.attempt, a.at, a.answer.took_ms,
         a.answer.outcome, a.answer.status, a.answer.text, a.next_at)
        for a in attempts
    ]  # fmt: skip
    await tx.execute(LOG, *[list(column) for column in zip(*rows, strict=True)])


async def purge_log(tx: Tx, now: datetime, rows_max: int) -> int:
    """Delete at most `rows_max` attempts older than LOG_DAYS; return how many."""
    status = await tx.execute(PURGE_LOG, now - timedelta(days=LOG_DAYS), rows_max)
    return int(status.rpartition(" ")[2])


def webhook_of(row: asyncpg.Record) -> Webhook:
    """Read a webhook from a row of ALL_OF or FIND."""
    types = row["event_types"]
    return Webhook(
        **{**dict(row), "state": State(row["state"]), "event_types": None if types is None else tuple(types)}
    )
