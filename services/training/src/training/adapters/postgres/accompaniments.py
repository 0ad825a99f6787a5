"""What is known of joint accompaniments, in PostgreSQL: the one place that holds references of persons.

Whoever stores a reference, or erases it, holds the person's advisory lock: an erasure comes wholly before or wholly
after.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from chassis.crypto import Vault
from chassis.db import Tx
from training.adapters.postgres.rows import accompaniment_of
from training.domain.accompaniment import Accompaniment

ERASED_PURPOSE = "training erased subject"
"""Names the keyed hash of an erased reference; changing it would forget who was erased."""

LOCK_PERSON = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 7306))"

IS_ERASED = "SELECT EXISTS (SELECT FROM erased_subjects WHERE digest = $1)"

# The row's lock is kept whether or not the event is the newest. An older one changes nothing.
HEAR = """
INSERT INTO known_accompaniments AS known (accompaniment_id, version, status, referral_id, subject_ref, correlation_id,
    commune, referrer_id, sender_kind, council_id, employment_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (accompaniment_id) DO UPDATE SET
    version = excluded.version, status = excluded.status, referral_id = excluded.referral_id,
    subject_ref = excluded.subject_ref, correlation_id = excluded.correlation_id, commune = excluded.commune,
    referrer_id = excluded.referrer_id, sender_kind = excluded.sender_kind, council_id = excluded.council_id,
    employment_id = excluded.employment_id
WHERE known.version < excluded.version
RETURNING known.*
"""

# Shared: requests for one accompaniment at once do not wait for one another, only for what ends or erases it.
KNOWN = "SELECT * FROM known_accompaniments WHERE accompaniment_id = $1 FOR SHARE"

# known_accompaniments_subject; the locks make requests (KNOWN) wait.
OF_PERSON = """
SELECT accompaniment_id FROM known_accompaniments WHERE subject_ref = $1 ORDER BY accompaniment_id FOR UPDATE
"""

# In the array's order, which is sorted: two batches meet their persons in the same one.
LOCK_PERSONS = "SELECT pg_advisory_xact_lock(hashtextextended(p, 7306)) FROM unnest($1::text[]) AS p"
# The primary key and known_accompaniments_subject. Sorted, and before any session: whoever requests a seat holds the
# accompaniment and then wants the session.
LOCK_ALL = """
SELECT FROM known_accompaniments WHERE accompaniment_id = ANY ($1::uuid[]) OR subject_ref = ANY ($2::uuid[])
ORDER BY accompaniment_id FOR UPDATE
"""

FORGET = "UPDATE known_accompaniments SET subject_ref = NULL WHERE subject_ref = $1"
REMEMBER_ERASED = "INSERT INTO erased_subjects (digest) VALUES ($1) ON CONFLICT DO NOTHING"


async def lock_all(tx: Tx, *, persons: Collection[UUID], accompaniments: Collection[UUID] = ()) -> None:
    """Lock these persons, then these accompaniments and, where none are given, the persons' own; before any session."""
    await tx.execute(LOCK_PERSONS, sorted(str(person) for person in persons))
    await tx.execute(LOCK_ALL, list(accompaniments), [] if accompaniments else list(persons))


class PostgresAccompaniments:
    """The `Accompaniments` port inside one transaction."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def hear(self, accompaniment: Accompaniment, version: int) -> Accompaniment | None:
        """Keep the newest; without the reference of a person who was erased."""
        subject_ref = accompaniment.subject_ref
        if subject_ref is not None:
            await self._tx.execute(LOCK_PERSON, str(subject_ref))
            if await self._tx.fetchval(IS_ERASED, self._digest(subject_ref)):
                subject_ref = None
        row = await self._tx.fetchrow(
            HEAR,
            accompaniment.accompaniment_id, version, accompaniment.status, accompaniment.referral_id, subject_ref,
            accompaniment.correlation_id, accompaniment.commune, accompaniment.referrer_id, accompaniment.sender_kind,
            accompaniment.council_id, accompaniment.employment_id,
        )  # fmt: skip
        return None if row is None else accompaniment_of(row)

    async def known(self, accompaniment_id: UUID) -> Accompaniment | None:
        """Return what was heard, under a shared lock."""
        row = await self._tx.fetchrow(KNOWN, accompaniment_id)
        return None if row is None else accompaniment_of(row)

    async def of_person(self, subject_ref: UUID) -> Sequence[UUID]:
        """Return the person's, under the person's lock and their own."""
        await self._tx.execute(LOCK_PERSON, str(subject_ref))
        return [row["accompaniment_id"] for row in await self._tx.fetch(OF_PERSON, subject_ref)]

    async def forget(self, subject_ref: UUID) -> None:
        """Erase the reference; of it a keyed hash is left, which tells nobody who it was."""
        await self._tx.execute(FORGET, subject_ref)
        await self._tx.execute(REMEMBER_ERASED, self._digest(subject_ref))

    def _digest(self, subject_ref: UUID) -> bytes:
        return self._vault.lookup(ERASED_PURPOSE, str(subject_ref))
