"""Write events in the transaction of the state change that they tell.

An event is encoded once, here; the relay and every reader see these bytes. Positions order: whoever locks an
aggregate before appending keeps that aggregate's events in order, because a later transaction gets a later position.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.errors import Permanent
from chassis.ids import new_id
from chassis.telemetry import create_span
from maillage_contracts import Event, encode, envelope_for, topic_for

MAX_RECORD_BYTES = 900_000
"""Below Kafka's message.max.bytes (1 MiB) with room for headers and batch framing: a larger row would be parked."""


class RecordTooLarge(Permanent):
    """The event is larger than Kafka accepts; nothing was committed."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event, encoded: where it goes, under which key, and its bytes."""

    id: UUID
    topic: str
    key: str
    type: str
    headers: str
    payload: bytes


def prepare(
    event: Event,
    *,
    at: datetime,
    correlation_id: UUID,
    causation_id: UUID | None = None,
    event_id: UUID | None = None,
) -> OutboxRow:
    """Encode `event` for the topic that its contract names.

    `event_id` is a fresh UUIDv7 unless given: give a derived id when an event is the cause (see ids.derived_id).
    Raises RecordTooLarge before anything is written.
    """
    topic = topic_for(event)
    event_id = event_id or new_id()
    envelope = envelope_for(
        event,
        id=event_id,
        source=f"/{topic.owner}",
        time=at,
        correlation_id=correlation_id,
        causation_id=causation_id,
        traceparent=create_span(topic.name, event_id, correlation_id, causation_id),
    )
    record = encode(event, envelope)
    return row_of(event_id, envelope.type, record.topic, record.key, record.headers, record.value)


def row_of(
    event_id: UUID, ce_type: str, topic: str, key: bytes, headers: Sequence[tuple[str, bytes]], value: bytes
) -> OutboxRow:
    """Make an outbox row of an encoded record, or raise RecordTooLarge."""
    if len(value) + sum(len(name) + len(content) for name, content in headers) > MAX_RECORD_BYTES:
        raise RecordTooLarge(f"{ce_type} exceeds {MAX_RECORD_BYTES} bytes")
    text = json.dumps({name: content.decode() for name, content in headers}, separators=(",", ":"))
    return OutboxRow(event_id, topic, key.decode(), ce_type, text, value)


# WITH ORDINALITY + ORDER BY: positions are given in the caller's order.
INSERT_ROWS = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT id, topic, key, type, headers::jsonb, payload
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])
    WITH ORDINALITY AS r(id, topic, key, type, headers, payload, n)
ORDER BY n
"""


async def append(tx: Tx, *rows: OutboxRow) -> None:
    """Store `rows` in order, in one statement; they leave when the transaction commits."""
    if not rows:
        return
    await tx.execute(
        INSERT_ROWS,
        [r.id for r in rows],
        [r.topic for r in rows],
        [r.key for r in rows],
        [r.type for r in rows],
        [r.headers for r in rows],
        [r.payload for r in rows],
    )


class Doorbell:
    """Wakes the relay after a commit; ringing many times before it looks is one wake-up."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._committed = False

    def ring(self) -> None:
        """Say that the outbox may have new rows."""
        self._committed = True
        self._rung.set()

    def wake(self) -> None:
        """Wake the relay for what it has done itself: nothing was committed, and nobody else is woken."""
        self._rung.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Return when rung or woken, or after the timeout, and forget it; tell whether there may be new rows.

        After the timeout there may be: a commit of another process may have gone unheard.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._rung.wait()
        except TimeoutError:
            return True
        self._rung.clear()
        committed, self._committed = self._committed, False
        return committed
