"""Accesses to Kafka: what is wanted, what was done, and the part of the stream that is already on its way."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.crypto import Vault, WrappedKey
from chassis.db import Tx
from partners.app.kafka_ports import KafkaAccess

ACCESS = """
SELECT a.organisation_id, s.code, s.topic, a.state, s.kafka_ready_at IS NOT NULL AS ready,
    a.password_lost_at IS NOT NULL AS password_lost
FROM kafka_accesses a JOIN partner_stream s USING (organisation_id)
"""
FIND = f"{ACCESS} WHERE s.code = $1"
LOCK = f"{ACCESS} WHERE a.organisation_id = $1 FOR UPDATE OF a"
UNSETTLED = f"""
{ACCESS}
WHERE a.state IN ('requested', 'revoking') OR (a.state = 'granted' AND s.kafka_ready_at IS NULL)
ORDER BY a.organisation_id
"""
EVERY = f"{ACCESS} ORDER BY a.organisation_id"

REQUEST = """
INSERT INTO kafka_accesses (organisation_id, state, sealed_password, sealing_key, changed_at)
VALUES ($1, 'requested', $2, $3, $4)
ON CONFLICT (organisation_id) DO UPDATE SET state = excluded.state, sealed_password = excluded.sealed_password,
    sealing_key = excluded.sealing_key, changed_at = excluded.changed_at, password_lost_at = NULL
"""
PASSWORD = "SELECT sealed_password, sealing_key FROM kafka_accesses WHERE organisation_id = $1"
SETTLE = """
UPDATE kafka_accesses SET state = $2, sealed_password = NULL, sealing_key = NULL, changed_at = $3,
    password_lost_at = NULL
WHERE organisation_id = $1
"""
# Writes the rows that change and no others: nearly always none.
NOTE_LOST = """
UPDATE kafka_accesses SET
    password_lost_at = CASE WHEN organisation_id = ANY($1::uuid[]) THEN $2::timestamptz END
WHERE state = 'granted' AND (password_lost_at IS NOT NULL) <> (organisation_id = ANY($1::uuid[]))
"""

LOCK_STREAM = "SELECT 1 FROM partner_stream WHERE organisation_id = $1 FOR UPDATE"

# Positions are gapless, so a page is a range of them; what was purged is passed over.
PUBLISH = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT e.event_id, s.topic, e.subject, e.ce_type, e.headers, e.payload
FROM partner_stream s JOIN stream_events e USING (organisation_id)
WHERE s.organisation_id = $1 AND s.kafka_ready_at IS NULL
  AND e.position > greatest(s.kafka_position, s.purged_position)
  AND e.position <= greatest(s.kafka_position, s.purged_position) + $2
ORDER BY e.position
"""
ADVANCE = """
UPDATE partner_stream SET
    kafka_position = least(last_position, greatest(kafka_position, purged_position) + $2),
    kafka_ready_at = CASE
        WHEN greatest(kafka_position, purged_position) + $2 >= last_position THEN coalesce(kafka_ready_at, $3) END
WHERE organisation_id = $1 AND kafka_ready_at IS NULL
"""
READY = "SELECT kafka_ready_at IS NOT NULL FROM partner_stream WHERE organisation_id = $1"
# Under the stream's lock nothing of it enters the outbox; what the relay has in hand arrives once more, perhaps
# before the first row (ADR 20).
AGAIN = """
UPDATE partner_stream SET kafka_position = 0, kafka_ready_at = NULL WHERE organisation_id = $1 RETURNING topic
"""
DROP_WAITING = "DELETE FROM outbox WHERE aggregatetype = $1"
DROP_PARKED = "DELETE FROM outbox_parked WHERE aggregatetype = $1"
STOP = """
UPDATE partner_stream SET kafka_position = last_position, kafka_ready_at = NULL
WHERE organisation_id = $1 AND kafka_ready_at IS NOT NULL
"""


def _context(organisation_id: UUID) -> str:
    return f"partners.kafka_access:{organisation_id}:password"


class PostgresKafkaAccesses:
    """Implements KafkaAccesses."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def find(self, code: str) -> KafkaAccess | None:
        row = await self._tx.fetchrow(FIND, code)
        return None if row is None else _access(row)

    async def lock(self, organisation_id: UUID) -> KafkaAccess | None:
        row = await self._tx.fetchrow(LOCK, organisation_id)
        return None if row is None else _access(row)

    async def request(self, organisation_id: UUID, password: str, at: datetime) -> None:
        key = self._vault.new_person_key()
        sealed = self._vault.seal(key, password.encode(), context=_context(organisation_id))
        await self._tx.execute(REQUEST, organisation_id, sealed, bytes(key), at)

    async def password_of(self, organisation_id: UUID) -> str:
        row = await self._tx.fetchrow(PASSWORD, organisation_id)
        assert row is not None  # the caller holds its lock
        key = WrappedKey(row["sealing_key"])
        return self._vault.open(key, row["sealed_password"], context=_context(organisation_id)).decode()

    async def settle(self, organisation_id: UUID, state: str, at: datetime) -> None:
        await self._tx.execute(SETTLE, organisation_id, state, at)

    async def unsettled(self) -> list[KafkaAccess]:
        return [_access(row) for row in await self._tx.fetch(UNSETTLED)]

    async def every(self) -> list[KafkaAccess]:
        return [_access(row) for row in await self._tx.fetch(EVERY)]

    async def note_lost(self, organisation_ids: Collection[UUID], at: datetime) -> None:
        await self._tx.execute(NOTE_LOST, list(organisation_ids), at)

    async def publish_again(self, organisation_id: UUID) -> None:
        await self._tx.execute(LOCK_STREAM, organisation_id)
        topic = await self._tx.fetchval(AGAIN, organisation_id)
        await self._tx.execute(DROP_WAITING, topic)
        await self._tx.execute(DROP_PARKED, topic)

    async def publish_page(self, organisation_id: UUID, limit: int, at: datetime) -> bool:
        # The projection takes the same lock: a row is either in a page or, once ready, written by the projection.
        await self._tx.execute(LOCK_STREAM, organisation_id)
        await self._tx.execute(PUBLISH, organisation_id, limit)
        await self._tx.execute(ADVANCE, organisation_id, limit, at)
        return bool(await self._tx.fetchval(READY, organisation_id))

    async def stop_publishing(self, organisation_id: UUID) -> None:
        await self._tx.execute(STOP, organisation_id)


def _access(row: asyncpg.Record) -> KafkaAccess:
    return KafkaAccess(
        row["organisation_id"], row["code"], row["topic"], row["state"], row["ready"], row["password_lost"]
    )
