"""What operators do to dead letters, recorded where it is done: who, when, why; rows that are only ever added.

A correction replaces the bytes of one letter, in the transaction that records it. The event stays the same one: new
bytes that cannot be read, or that speak of another aggregate, are refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from chassis import dead_letters
from chassis.db import Tx
from chassis.records import Delivery, Poison, Source, headers_from_json, parse
from maillage_contracts import subject_of

Act = Literal["corrected", "requeued", "value_read"]

# dead_letters_pkey; a requeue of its key that is under way is waited for (lock_keys), then the row is read.
KEY_OF = "SELECT consumer, key FROM dead_letters WHERE id = $1"
LOCK = """
SELECT id, consumer, topic, partition, "offset", key, event_id, headers, value, cause
FROM dead_letters WHERE id = $1 FOR UPDATE
"""
REPLACE = "UPDATE dead_letters SET value = $2 WHERE id = $1"
ADD = """
INSERT INTO dead_letter_acts (at, act, who, organisation_id, why, letter_id, consumer, topic, partition, "offset",
    event_id, cause, selection, sha256_before, sha256_after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
OF_LETTER = """
SELECT at, act, who, organisation_id, why, encode(sha256_before, 'hex') AS sha256_before,
    encode(sha256_after, 'hex') AS sha256_after
FROM dead_letter_acts WHERE letter_id = $1 ORDER BY id LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, for which organisation, and why."""

    who: str
    organisation_id: UUID
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why new bytes are not taken; repeats nothing of them."""

    code: Literal["still_unreadable", "another_event"]
    cause: str


async def lock_letter(tx: Tx, letter_id: int) -> asyncpg.Record | None:
    """Return a letter that nobody else requeues or changes until the transaction ends; None when there is none."""
    known = await tx.fetchrow(KEY_OF, letter_id)
    if known is None:
        return None
    if known["key"] is not None:
        await dead_letters.lock_keys(tx, known["consumer"], [known["key"]])
    return await tx.fetchrow(LOCK, letter_id)


async def correct(tx: Tx, letter: asyncpg.Record, value: bytes, by: By, at: datetime) -> Refused | None:
    """Replace a locked letter's bytes and record it; return why not, with nothing changed."""
    refused = refusal(source_of_row(letter), letter["event_id"], value)
    if refused is None:
        await tx.execute(REPLACE, letter["id"], value)
        await record(tx, "corrected", by, at, letter=letter, after=value)
    return refused


def refusal(source: Source, event_id: UUID | None, value: bytes) -> Refused | None:
    """Say why `value` cannot stand for the event that `source` holds, if it cannot."""
    item = parse(replace(source, value=value))
    if isinstance(item, Poison):
        return Refused("still_unreadable", item.cause)
    if not isinstance(item, Delivery):
        return Refused("still_unreadable", "its type is unknown to this service")
    if event_id is not None and item.envelope.id != event_id:
        return Refused("another_event", "the event id is another one")
    if subject_of(item.event) != item.envelope.subject:
        return Refused("another_event", "it speaks of another aggregate than its envelope")
    return None


def source_of_row(row: asyncpg.Record) -> Source:
    """Return the record that a row of dead_letters holds."""
    headers = headers_from_json(row["headers"])
    return Source(row["topic"], row["partition"], row["offset"], row["key"], headers, row["value"])


async def record(
    tx: Tx,
    act: Act,
    by: By,
    at: datetime,
    *,
    letter: asyncpg.Record | None = None,
    selection: str | None = None,
    after: bytes | None = None,
) -> None:
    """Add what an operator does, on one letter as it is now or on a selection."""
    found = dict(letter) if letter is not None else {}
    before = found.get("value") if after is not None else None
    await tx.execute(
        ADD, at, act, by.who, by.organisation_id, by.why,
        *(found.get(name) for name in ("id", "consumer", "topic", "partition", "offset", "event_id", "cause")),
        selection, _sha256(before), _sha256(after),
    )  # fmt: skip


async def acts_on(tx: Tx, letter_id: int) -> list[dict[str, object]]:
    """Return what was done to a letter, the oldest first."""
    return [dict(row) for row in await tx.fetch(OF_LETTER, letter_id)]


def _sha256(content: bytes | None) -> bytes | None:
    return None if content is None else hashlib.sha256(content).digest()
