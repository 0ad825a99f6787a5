"""Who read personal data, and why: rows that are only ever added, each bound to the one before by its hash.

A changed, removed or inserted row breaks the chain at its place (`verify`). The chain alone does not show that its last
rows were cut off: for that an operator keeps the newest hash elsewhere. It is serialised by a lock that is held until
the commit, so `record_reads` belongs last in its transaction.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from opentelemetry import trace

from chassis.clock import Clock
from chassis.db import Tx

AUDIT_LOCK: Final = 0x6D61_7564_6974
FIRST_HASH: Final = bytes(32)
UNSPECIFIED: Final = "unspecified"

_PURPOSE: Final = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}")

LOCK = "SELECT pg_advisory_xact_lock($1)"
# The primary key, backwards. A statement of its own: its snapshot is taken once the lock is held.
LAST = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1"
INSERT = """
INSERT INTO audit (id, read_at, who, organisation_id, record_kind, record_id, purpose, trace_id, prev_hash, hash)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::text[],
                     $8::text[], $9::bytea[], $10::bytea[])
"""
ALL = """
SELECT id, read_at, who, organisation_id, record_kind, record_id, purpose, trace_id, prev_hash, hash
FROM audit WHERE id >= $1 ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Read:
    """One record with personal data that was shown: to whom, of which organisation, and for what."""

    who: str
    organisation_id: UUID
    record_kind: str
    record_id: UUID
    purpose: str


def purpose_of(header: str | None) -> str:
    """Return the purpose a caller gave in `Maillage-Purpose` if it is a slug, else "unspecified"."""
    return header if header is not None and _PURPOSE.fullmatch(header) else UNSPECIFIED


async def record_reads(tx: Tx, reads: Sequence[Read], clock: Clock) -> None:
    """Add one row for each read, in one statement, at the end of the chain."""
    if not reads:
        return
    await tx.execute(LOCK, AUDIT_LOCK)
    last = await tx.fetchrow(LAST)
    row_id, previous = (0, FIRST_HASH) if last is None else (last["id"], last["hash"])
    read_at, trace_id = clock.now(), _trace_id()
    rows = []
    for read in reads:
        row_id += 1
        content = (
            row_id,
            read_at,
            read.who,
            read.organisation_id,
            read.record_kind,
            read.record_id,
            read.purpose,
            trace_id,
        )
        digest = _hash(previous, content)
        rows.append((*content, previous, digest))
        previous = digest
    await tx.execute(INSERT, *(list(column) for column in zip(*rows, strict=True)))


async def verify(tx: Tx, *, since_id: int = 1) -> int | None:
    """Return the id at which the chain is broken, or None when it is whole from `since_id` to its end.

    From the first row when `since_id` is 1; otherwise what comes before row `since_id` is taken on trust.
    """
    expected_id, previous = since_id, FIRST_HASH if since_id == 1 else None
    async for row in tx.cursor(ALL, since_id, prefetch=1_000):
        *content, prev_hash, digest = row.values()
        if row["id"] != expected_id:
            return expected_id
        if (previous is not None and prev_hash != previous) or digest != _hash(prev_hash, content):
            return expected_id
        expected_id, previous = expected_id + 1, digest
    return None


def _hash(previous: bytes, content: Sequence[Any]) -> bytes:
    text = json.dumps([_plain(value) for value in content], separators=(",", ":"))
    return hashlib.sha256(previous + text.encode()).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


def _trace_id() -> str | None:
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
