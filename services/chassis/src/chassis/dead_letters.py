"""What a consumer could not handle, and what waits behind it, in the consumer's own database.

A dead letter and its cause are stored in the transaction that would have held the effect; nothing is written back to
the source topic. Later events of the same key are held, in order, so that nothing overtakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from chassis.db import Tx
from chassis.records import Delivery, Poison, Source, headers_from_json

TEXT_CHARACTERS_MAX = 200
HELD_BEHIND = "held behind an earlier event of its key"


@dataclass(frozen=True, slots=True)
class Letter:
    """A record to set aside: dead with its cause, or held."""

    item: Delivery | Poison
    state: Literal["dead", "held"]
    cause: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A row of the table, ready to be handled again."""

    id: int
    source: Source
    attempts: int


# dead_letters_key answers this from the index alone.
# md5 only finds the rows (a key may be longer than an index entry); the key itself decides.
HELD_KEYS = """
SELECT DISTINCT key FROM dead_letters
WHERE consumer = $1 AND md5(key) = ANY (ARRAY(SELECT md5(k) FROM unnest($2::bytea[]) AS t(k)))
    AND key = ANY ($2::bytea[])
"""
LOCK_KEYS = """
SELECT pg_advisory_xact_lock(hashtextextended($1 || ':' || encode(k, 'hex'), 0))
FROM (SELECT k FROM unnest($2::bytea[]) AS t(k) ORDER BY k) AS ordered
"""


async def held_keys(tx: Tx, consumer: str, keys: Iterable[bytes]) -> set[bytes]:
    """Return those of `keys` that wait behind a dead letter.

    A requeue of one of them that is under way is waited for.
    """
    wanted = list(keys)
    held = [row["key"] for row in await tx.fetch(HELD_KEYS, consumer, wanted)]
    if not held:
        return set()
    await lock_keys(tx, consumer, held)
    return {row["key"] for row in await tx.fetch(HELD_KEYS, consumer, held)}


async def lock_keys(tx: Tx, consumer: str, keys: Sequence[bytes]) -> None:
    """Keep requeueing and holding of these keys apart until the transaction ends."""
    await tx.execute(LOCK_KEYS, consumer, list(keys))


# The unique constraint (consumer, topic, partition, offset) absorbs a redelivery.
STORE = """
INSERT INTO dead_letters
    (consumer, topic, partition, "offset", key, event_id, type, headers, value, state, cause, attempts, traceparent,
     created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11, $12, $13, $14)
ON CONFLICT DO NOTHING
"""


async def store(tx: Tx, consumer: str, letters: Sequence[Letter], at: datetime) -> None:
    """Set letters aside, in order."""
    if letters:
        await tx.executemany(STORE, [_row(consumer, letter, at) for letter in letters])


def _row(consumer: str, letter: Letter, at: datetime) -> tuple[object, ...]:
    item, source = letter.item, letter.item.source
    event_id: UUID | None
    ce_type: str | None
    if isinstance(item, Delivery):
        event_id, ce_type, trace = item.envelope.id, item.envelope.type, item.envelope.traceparent
    else:
        # Whatever was found in its headers, the row must be storable: PostgreSQL takes no NUL in a text.
        event_id, ce_type = uuid_or_none(item.headers.get("ce_id")), printable(item.headers.get("ce_type"))
        trace = printable(item.headers.get("ce_traceparent"))
    return (
        consumer, source.topic, source.partition, source.offset, source.key, event_id, ce_type, source.headers_json(),
        source.value, letter.state, letter.cause, letter.attempts, trace, at,
    )  # fmt: skip


def printable(text: str | None) -> str | None:
    """Return a text that may be stored and shown, else None."""
    return text if text and len(text) <= TEXT_CHARACTERS_MAX and text.isascii() and text.isprintable() else None


def uuid_or_none(text: str | None) -> UUID | None:
    """Return the UUID that a text is, else None."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


READ_KEY = """
SELECT id, topic, partition, "offset", key, headers, value, attempts FROM dead_letters
WHERE consumer = $1 AND (id = $2 OR (
    md5(key) = (SELECT md5(key) FROM dead_letters WHERE id = $2 AND consumer = $1)
    AND key = (SELECT key FROM dead_letters WHERE id = $2 AND consumer = $1)
))
ORDER BY id LIMIT $3
"""


async def read_key(tx: Tx, consumer: str, letter_id: int, limit: int) -> list[StoredLetter]:
    """Return the letters of the key that `letter_id` has, oldest first; itself alone when it has no key."""
    rows = await tx.fetch(READ_KEY, consumer, letter_id, limit)
    return [
        StoredLetter(
            row["id"],
            Source(
                row["topic"],
                row["partition"],
                row["offset"],
                row["key"],
                headers_from_json(row["headers"]),
                row["value"],
            ),
            row["attempts"],
        )
        for row in rows
    ]


async def forget(tx: Tx, letter_id: int) -> bool:
    """Delete a letter that has been handled; False when somebody else already did."""
    return await tx.execute("DELETE FROM dead_letters WHERE id = $1", letter_id) == "DELETE 1"


FAILED_AGAIN = "UPDATE dead_letters SET state = 'dead', cause = $2, attempts = attempts + 1 WHERE id = $1"


async def failed_again(tx: Tx, letter_id: int, cause: str) -> None:
    """Keep a letter that failed once more, with its newest cause."""
    await tx.execute(FAILED_AGAIN, letter_id, cause)
