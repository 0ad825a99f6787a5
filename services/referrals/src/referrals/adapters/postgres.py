"""Referrals in PostgreSQL, to be changed: an aggregate and its event are written by one statement.

The outbox insert selects from the aggregate write's RETURNING, so that the event gets its position while the
aggregate's row is locked: positions follow versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from chassis import idempotency
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.timers import stop_timers
from referrals.adapters.events import opened_row_for, row_for
from referrals.adapters.sealing import seal
from referrals.domain.person import Told
from referrals.domain.referral import Opened, Parties, Referral, StatusChanged
from referrals.domain.sandbox import STEP_AFTER, Simulated, next_command
from referrals.domain.status import OPEN as OPEN_STATUSES
from referrals.domain.status import Actor, Command, Status

TIMERS: Mapping[str, Command] = {"referral-overdue": Command.OVERDUE, "referral-expiry": Command.EXPIRY}
SIMULATOR = "referral-simulator"
"""The timer of the next step of a simulator."""

STORE = """
referral AS (
    INSERT INTO referrals (referral_id, version, status, step, correlation_id, referrer_id, referrer_kind, receiver_id,
        commune, themes, submitted_at, changed_at, sandbox, simulated)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $24, $25 FROM attempt
    RETURNING referral_id, version, status, submitted_at
), person AS (
    INSERT INTO referral_persons (referral_id, wrapped_key, person, note)
    SELECT referral_id, $12, $13, $14 FROM referral
), step AS (
    INSERT INTO referral_history (referral_id, version, at, status, by)
    SELECT referral_id, version, submitted_at, status, $15 FROM referral
), term AS (
    INSERT INTO timers (kind, aggregate_id, due_at)
    SELECT kind, referral_id, due_at FROM referral, unnest($16::text[], $17::timestamptz[]) AS t(kind, due_at)
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $18, $19, $20, $21, $22::jsonb, $23 FROM referral
"""

ADD = f"WITH attempt AS (SELECT), {STORE}"

KEPT = idempotency.at_once(27)

# The council was looked up before, and it or another may have changed: this is directory.council_for again.
ADD_AT_ONCE = f"""
WITH allowed AS (
    SELECT FROM (
        SELECT organisation_id, version FROM directory_organisations
        WHERE kind = 'council' AND collectivities @> ARRAY[$37::text] AND NOT sandbox
        ORDER BY code, organisation_id LIMIT 1
    ) AS council
    WHERE organisation_id = $8 AND version = $26
),
{KEPT}, {STORE}
"""  # noqa: S608  # constants of ours

_AGGREGATE = """
SELECT referral_id, version, status, step, correlation_id, referrer_id, referrer_kind, receiver_id, commune, themes,
    submitted_at, changed_at, overdue_at, sandbox, simulated, opened_at, asked_at
FROM referrals WHERE referral_id = $1
"""
# The primary key's row lock: every command of one referral passes here, one after the other.
LOCK = _AGGREGATE + "FOR UPDATE"
# The same lock, for whoever reads: nothing is locked once it was opened, and nothing is waited for.
LOCK_UNREAD = _AGGREGATE + "AND receiver_id = $2 AND opened_at IS NULL AND status = ANY ($3) FOR UPDATE SKIP LOCKED"

SAVE = """
WITH referral AS (
    UPDATE referrals SET version = $2, status = $3, step = $4, changed_at = $5, overdue_at = $6
    WHERE referral_id = $1 RETURNING referral_id, version, status
), step AS (
    INSERT INTO referral_history (referral_id, version, at, status, by, reasons, declined_by, shareable_with_person)
    SELECT referral_id, version, $5, status, $7, $8, $9, $10 FROM referral
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $11, $12, $13, $14, $15::jsonb, $16 FROM referral
"""

SAVE_OPENED = """
WITH referral AS (
    UPDATE referrals SET version = $2, opened_at = $3 WHERE referral_id = $1 RETURNING referral_id, version, opened_at
), step AS (
    INSERT INTO referral_history (referral_id, version, at, status, by)
    SELECT referral_id, version, opened_at, $4, $5 FROM referral
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $6, $7, $8, $9, $10::jsonb, $11 FROM referral
"""
# Nobody is identified by a withdrawn referral, so no erasure would find what was typed in one that had led to nobody.
FORGET_WITHDRAWN = """
DELETE FROM referral_persons p WHERE p.referral_id = $1
AND NOT EXISTS (SELECT FROM referral_subjects s WHERE s.referral_id = $1)
"""
OPENED = "opened"
"""The line of a history that is no status: the receiver opened the page."""


class PostgresReferrals:
    """The `Referrals` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def add(self, referral: Referral, told: Told, fact: StatusChanged) -> None:
        """Insert the referral, what was told, its first step, its two terms and its event."""
        await self._tx.execute(ADD, *new_row(self._vault, referral, told, fact))

    async def lock(self, referral_id: UUID) -> Referral | None:
        """Return the referral under its row lock."""
        row = await self._tx.fetchrow(LOCK, referral_id)
        return None if row is None else referral_of(row)

    async def lock_unread(self, referral_id: UUID, receiver_id: UUID) -> Referral | None:
        """Return the referral under its row lock, unless it was opened or somebody else has the lock."""
        row = await self._tx.fetchrow(LOCK_UNREAD, referral_id, receiver_id, list(OPEN_STATUSES))
        return None if row is None else referral_of(row)

    async def save_opened(self, referral: Referral, fact: Opened) -> None:
        """Note the first opening, with its step and its event."""
        row = opened_row_for(referral, fact)
        await self._tx.execute(
            SAVE_OPENED, fact.referral_id, fact.version, fact.at, OPENED, Actor.RECEIVER,
            row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip

    async def save(self, referral: Referral, fact: StatusChanged) -> None:
        """Update the referral, add the step and the event, stop the terms of a closed one; see `Referrals.save`."""
        row = row_for(referral, fact)
        decline = fact.decline
        await self._tx.execute(
            SAVE,
            referral.referral_id, referral.version, referral.status, referral.step, referral.changed_at,
            referral.overdue_at, fact.by,
            None if decline is None else list(decline.reasons),
            None if decline is None else decline.declined_by,
            None if decline is None else decline.shareable_with_person,
            row.id, row.topic, row.key, row.type, row.headers, row.payload,
        )  # fmt: skip
        if referral.status is Status.WITHDRAWN:
            await self._tx.execute(FORGET_WITHDRAWN, referral.referral_id)
        if not referral.is_open:
            await stop_timers(self._tx, referral.referral_id, *TIMERS, SIMULATOR)


def new_row(vault: Vault, referral: Referral, told: Told, fact: StatusChanged) -> tuple[Any, ...]:
    """Return the 25 parameters of STORE: what was told is sealed."""
    row = row_for(referral, fact)
    sealed = seal(vault, referral.referral_id, told)
    terms = {kind: referral.term(command) for kind, command in TIMERS.items()}
    if next_command(referral.simulated, referral.status) is not None:
        terms[SIMULATOR] = referral.submitted_at + STEP_AFTER
    return (
        referral.referral_id, referral.version, referral.status, referral.step, referral.correlation_id,
        referral.parties.referrer_id, referral.parties.referrer_kind, referral.parties.receiver_id,
        referral.commune, list(referral.themes), referral.submitted_at,
        sealed.wrapped_key, sealed.person, sealed.note, fact.by, list(terms), list(terms.values()),
        row.id, row.topic, row.key, row.type, row.headers, row.payload, referral.sandbox, referral.simulated,
    )  # fmt: skip


def referral_of(row: asyncpg.Record) -> Referral:
    """Return the aggregate of a row of `referrals`."""
    overdue_at: datetime | None = row["overdue_at"]
    return Referral(
        referral_id=row["referral_id"],
        correlation_id=row["correlation_id"],
        parties=Parties(row["referrer_id"], row["referrer_kind"], row["receiver_id"]),
        commune=row["commune"],
        themes=tuple(row["themes"]),
        submitted_at=row["submitted_at"],
        changed_at=row["changed_at"],
        status=Status(row["status"]),
        step=Status(row["step"]),
        overdue_at=overdue_at,
        version=row["version"],
        sandbox=row["sandbox"],
        simulated=None if row["simulated"] is None else Simulated(row["simulated"]),
        opened_at=row["opened_at"],
        asked_at=row["asked_at"],
    )
