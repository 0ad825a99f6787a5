"""Kafka in: what registration says of the persons of referrals, and the steps of their stories told by others.

Who they are is kept beside the referral: it never waits for it (another topic promises no order), never changes its
status, and an older version is ignored. An erasure deletes what was typed and what was written, keys included; the
referral and the accompaniment stay, without a person. Steps are only added (story.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.consumer import Subscription
from chassis.db import Tx
from chassis.records import Delivery
from maillage_contracts import AppointmentProposed, EnrolmentRequested, PersonErased, PersonIdentified, topic_for
from referrals.adapters.story import APPOINTMENTS, ENROLMENTS, add_steps

LINK = """
INSERT INTO referral_subjects AS known (referral_id, subject_ref, version, identified_at)
SELECT DISTINCT ON (referral_id) referral_id, subject_ref, version, identified_at
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[])
    AS t(referral_id, subject_ref, version, identified_at)
ORDER BY referral_id, version DESC
ON CONFLICT (referral_id) DO UPDATE
    SET subject_ref = excluded.subject_ref, version = excluded.version, identified_at = excluded.identified_at
    WHERE known.version < excluded.version
"""

# referral_subjects_subject finds the referrals of a person.
ERASE = """
DELETE FROM referral_persons WHERE referral_id IN (
    SELECT referral_id FROM referral_subjects WHERE subject_ref = ANY ($1::uuid[])
)
"""


# Keys seal the words of plans and notes, which go with them (ON DELETE CASCADE). accompaniments_subject and
# accompaniments_referral find them; by referral too, since a person's reference may have changed since the proposal.
ERASE_WORDS = """
DELETE FROM accompaniment_keys WHERE accompaniment_id IN (
    SELECT accompaniment_id FROM accompaniments WHERE subject_ref = ANY ($1::uuid[])
    UNION
    SELECT accompaniment_id FROM accompaniments JOIN referral_subjects s USING (referral_id)
    WHERE s.subject_ref = ANY ($1::uuid[])
)
"""


async def apply_persons(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Link, then erase: nothing follows the erasure of a person under the same reference."""
    events = [delivery.event for delivery in deliveries]
    await _link(tx, [event for event in events if isinstance(event, PersonIdentified)])
    await _erase(tx, [event for event in events if isinstance(event, PersonErased)])


async def _link(tx: Tx, events: Sequence[PersonIdentified]) -> None:
    if events:
        await tx.execute(
            LINK,
            [event.referral_id for event in events],
            [event.subject_ref for event in events],
            [event.aggregate_version for event in events],
            [event.identified_at for event in events],
        )


async def _erase(tx: Tx, events: Sequence[PersonErased]) -> None:
    if events:
        subjects = [event.subject_ref for event in events]
        await tx.execute(ERASE, subjects)
        # A statement of its own, after the lock on what was typed: it sees an accompaniment proposed meanwhile.
        await tx.execute(ERASE_WORDS, subjects)


def subscriptions() -> list[Subscription]:
    """Return what this service consumes."""
    return [
        Subscription(
            topic=topic_for(PersonIdentified).name,
            many=apply_persons,
            many_types=frozenset({PersonIdentified, PersonErased}),
        ),
        Subscription(topic=topic_for(AppointmentProposed).name, many=add_steps, many_types=frozenset(APPOINTMENTS)),
        Subscription(topic=topic_for(EnrolmentRequested).name, many=add_steps, many_types=frozenset(ENROLMENTS)),
    ]
