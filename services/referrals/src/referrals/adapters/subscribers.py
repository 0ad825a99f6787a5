"""Kafka in: what registration says of the persons of referrals.

Who they are is kept beside the referral: it never waits for it (another topic promises no order), never changes its
status, and an older version is ignored. An erasure deletes what was typed, keys included; the referral stays, without a
person.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.consumer import Subscription
from chassis.db import Tx
from chassis.records import Delivery
from maillage_contracts import PersonErased, PersonIdentified, topic_for

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
        await tx.execute(ERASE, [event.subject_ref for event in events])


def subscriptions() -> list[Subscription]:
    """Return what this service consumes."""
    return [
        Subscription(
            topic=topic_for(PersonIdentified).name,
            many=apply_persons,
            many_types=frozenset({PersonIdentified, PersonErased}),
        )
    ]
