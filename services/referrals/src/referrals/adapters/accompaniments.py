"""Joint accompaniments in PostgreSQL, to be changed: the aggregate, its steps and its events are one statement.

As with referrals, the outbox insert selects from the aggregate write's RETURNING: positions follow versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.outbox import OutboxRow
from chassis.timers import start_timer, stop_timers
from referrals.adapters.events import joint_row_for
from referrals.domain.accompaniment import Accompaniment, Fact, Happened
from referrals.domain.accompaniment_status import Command, Side, Status
from referrals.domain.errors import PersonErased, PersonNotIdentified
from referrals.domain.plan import Plan
from referrals.domain.referral import Parties
from referrals.domain.sandbox import STEP_AFTER, Simulated

TIMERS: Mapping[str, Command] = {
    "accompaniment-orientation": Command.ORIENTATION,
    "accompaniment-contract": Command.CONTRACT,
    "accompaniment-joint-diagnosis": Command.JOINT_DIAGNOSIS,
}
JOINT_SIMULATOR = "accompaniment-simulator"
_TIMER_OF = {command: kind for kind, command in TIMERS.items()}

_STARTS: Mapping[Fact, tuple[Command, ...]] = {
    Fact.ACTIVATED: (Command.CONTRACT, Command.JOINT_DIAGNOSIS),
    Fact.REVIEWED: (Command.JOINT_DIAGNOSIS,),
}
_STOPS: Mapping[Fact, tuple[Command, ...]] = {
    Fact.ACTIVATED: (Command.ORIENTATION,),
    Fact.REFUSED: (Command.ORIENTATION,),
    Fact.ENDED: (Command.CONTRACT, Command.JOINT_DIAGNOSIS),
}

BY: Mapping[Side, str] = {
    Side.COUNCIL: "receiver", Side.EMPLOYMENT_SERVICE: "employment_service", Side.SYSTEM: "system"
}  # fmt: skip
"""How the story calls each side: the council is the receiver of its referral."""

STEP_OF: Mapping[Fact, str] = {
    **{fact: f"accompaniment_{fact}" for fact in Fact}, Fact.ACTIVATED: "accompaniment_active"
}  # fmt: skip

# An erasure deletes the row: the lock makes it come wholly before or wholly after us.
PERSON = "SELECT 1 FROM referral_persons WHERE referral_id = $1 FOR SHARE"
SUBJECT = "SELECT subject_ref FROM referral_subjects WHERE referral_id = $1"

# accompaniments_open.
HAS_OPEN = """
SELECT EXISTS (SELECT FROM accompaniments
    WHERE referral_id = $1 AND status IN ('proposed', 'accepted_by_one', 'active', 'review_due'))
"""

ADD = """
WITH accompaniment AS (
    INSERT INTO accompaniments (accompaniment_id, version, status, referral_id, correlation_id, subject_ref,
        referrer_id, referrer_kind, council_id, employment_id, commune, accepted_by, proposed_at, changed_at,
        terms_told, simulated)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '{}', $12, $12, '{}', $24)
    RETURNING accompaniment_id, referral_id, version, council_id, proposed_at
), key AS (
    INSERT INTO accompaniment_keys (accompaniment_id, wrapped_key) SELECT accompaniment_id, $13 FROM accompaniment
), term AS (
    INSERT INTO timers (kind, aggregate_id, due_at) SELECT $14, accompaniment_id, $15 FROM accompaniment
), step AS (
    INSERT INTO story_steps (event_id, referral_id, accompaniment_id, aggregate_id, version, at, step, by,
        organisation_id)
    SELECT $18, referral_id, accompaniment_id, accompaniment_id, version, proposed_at, $16, $17, council_id
    FROM accompaniment
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT $18, $19, $20, $21, $22::jsonb, $23 FROM accompaniment
"""

# The primary key's row lock: every command of one accompaniment passes here, one after the other.
LOCK = """
SELECT accompaniment_id, version, status, referral_id, correlation_id, subject_ref, referrer_id, referrer_kind,
    council_id, employment_id, commune, accepted_by, proposed_at, changed_at, activated_at, renewed_at, terms_told,
    simulated
FROM accompaniments WHERE accompaniment_id = $1 FOR UPDATE
"""

# ORDER BY n: events of one instant get their positions in the order in which they happened.
SAVE = """
WITH accompaniment AS (
    UPDATE accompaniments SET version = $2, status = $3, changed_at = $4, accepted_by = $5, activated_at = $6,
        renewed_at = $7, terms_told = $8
    WHERE accompaniment_id = $1 RETURNING accompaniment_id, referral_id
), happened AS (
    SELECT accompaniment_id, referral_id, h.*
    FROM accompaniment, unnest($11::uuid[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::text[],
        $17::text[], $18::bytea[]) WITH ORDINALITY AS h(id, version, step, topic, key, type, headers, payload, n)
), step AS (
    INSERT INTO story_steps (event_id, referral_id, accompaniment_id, aggregate_id, version, at, step, by,
        organisation_id)
    SELECT id, referral_id, accompaniment_id, accompaniment_id, version, $4, step, $9, $10 FROM happened
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT id, topic, key, type, headers::jsonb, payload FROM happened ORDER BY n
"""


class PostgresAccompaniments:
    """The `Accompaniments` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def subject_of(self, referral_id: UUID) -> UUID:
        """Return the person's reference, as long as they are neither unknown nor erased."""
        if await self._tx.fetchval(PERSON, referral_id) is None:
            raise PersonErased
        subject_ref: UUID | None = await self._tx.fetchval(SUBJECT, referral_id)
        if subject_ref is None:
            raise PersonNotIdentified
        return subject_ref

    async def has_open(self, referral_id: UUID) -> bool:
        """Say whether one is under way, under the caller's lock of the referral."""
        return bool(await self._tx.fetchval(HAS_OPEN, referral_id))

    async def add(self, accompaniment: Accompaniment, happened: Happened) -> None:
        """Insert the accompaniment, its key, its first step, its first term and its event."""
        row = joint_row_for(accompaniment, happened)
        await self._tx.execute(
            ADD,
            accompaniment.accompaniment_id, accompaniment.version, accompaniment.status, accompaniment.referral_id,
            accompaniment.correlation_id, accompaniment.subject_ref, accompaniment.parties.referrer_id,
            accompaniment.parties.referrer_kind, accompaniment.parties.receiver_id, accompaniment.employment_id,
            accompaniment.commune, accompaniment.proposed_at, self._vault.new_person_key(),
            _TIMER_OF[Command.ORIENTATION], accompaniment.due_at(Command.ORIENTATION),
            STEP_OF[happened.fact], BY[happened.by],
            row.id, row.topic, row.key, row.type, row.headers, row.payload, accompaniment.simulated,
        )  # fmt: skip
        if accompaniment.simulated is not None:
            due_at = accompaniment.proposed_at + STEP_AFTER
            await start_timer(self._tx, JOINT_SIMULATOR, accompaniment.accompaniment_id, due_at)

    async def lock(self, accompaniment_id: UUID) -> Accompaniment | None:
        """Return the accompaniment under its row lock."""
        row = await self._tx.fetchrow(LOCK, accompaniment_id)
        return None if row is None else accompaniment_of(row)

    async def save(self, accompaniment: Accompaniment, happened: Sequence[Happened], plan: Plan | None = None) -> None:
        """Update the accompaniment, add the steps and the events, start and stop its terms."""
        rows = [joint_row_for(accompaniment, one, plan) for one in happened]
        by = happened[0].by
        await self._tx.execute(
            SAVE,
            accompaniment.accompaniment_id, accompaniment.version, accompaniment.status, accompaniment.changed_at,
            sorted(accompaniment.accepted_by), accompaniment.activated_at, accompaniment.renewed_at,
            sorted(accompaniment.terms_told), BY[by], accompaniment.organisation_on(by),
            *_columns(happened, rows),
        )  # fmt: skip
        for one in happened:
            await self._set_terms(accompaniment, one.fact)

    async def _set_terms(self, accompaniment: Accompaniment, fact: Fact) -> None:
        stopped = [_TIMER_OF[term] for term in _STOPS.get(fact, ())]
        if stopped:
            await stop_timers(self._tx, accompaniment.accompaniment_id, *stopped)
        for term in _STARTS.get(fact, ()):
            due_at = accompaniment.due_at(term)
            assert due_at is not None
            await start_timer(self._tx, _TIMER_OF[term], accompaniment.accompaniment_id, due_at)


def _columns(happened: Sequence[Happened], rows: Sequence[OutboxRow]) -> Sequence[Sequence[object]]:
    return (
        [row.id for row in rows], [one.version for one in happened], [STEP_OF[one.fact] for one in happened],
        [row.topic for row in rows], [row.key for row in rows], [row.type for row in rows],
        [row.headers for row in rows], [row.payload for row in rows],
    )  # fmt: skip


def accompaniment_of(row: asyncpg.Record) -> Accompaniment:
    """Return the aggregate of a row of `accompaniments`."""
    return Accompaniment(
        accompaniment_id=row["accompaniment_id"],
        referral_id=row["referral_id"],
        correlation_id=row["correlation_id"],
        subject_ref=row["subject_ref"],
        parties=Parties(row["referrer_id"], row["referrer_kind"], row["council_id"]),
        employment_id=row["employment_id"],
        commune=row["commune"],
        proposed_at=row["proposed_at"],
        changed_at=row["changed_at"],
        status=Status(row["status"]),
        accepted_by=frozenset(Side(side) for side in row["accepted_by"]),
        activated_at=row["activated_at"],
        renewed_at=row["renewed_at"],
        terms_told=frozenset(Command(term) for term in row["terms_told"]),
        version=row["version"],
        simulated=None if row["simulated"] is None else Simulated(row["simulated"]),
    )
