"""What registration says of the persons of referrals, kept beside them.

Never waits for the referral and never changes its status: a row may come first (another topic promises no order).
An older version of what is known is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis.consumer import Subscription
from chassis.db import Tx
from chassis.records import Delivery
from maillage_contracts import PersonIdentified, topic_for

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


async def link_subjects(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Note who the persons are, in one statement; the newest version of each referral wins, whatever the order."""
    events = [delivery.event for delivery in deliveries if isinstance(delivery.event, PersonIdentified)]
    await tx.execute(
        LINK,
        [event.referral_id for event in events],
        [event.subject_ref for event in events],
        [event.aggregate_version for event in events],
        [event.identified_at for event in events],
    )


def subscriptions() -> list[Subscription]:
    """Return what this service consumes."""
    return [
        Subscription(
            topic=topic_for(PersonIdentified).name,
            many=link_subjects,
            many_types=frozenset({PersonIdentified}),
        )
    ]
