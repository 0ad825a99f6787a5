"""Kafka in: a submitted referral leads to a person, known or new."""

from __future__ import annotations

from chassis.clock import Clock
from chassis.consumer import Subscription
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.errors import Transient
from chassis.ids import derived_id
from chassis.records import Delivery
from maillage_contracts import ReferralSubmitted, topic_for
from registration.adapters.claims import Asks, Missing, ReferralClaims
from registration.adapters.events import Cause
from registration.adapters.postgres import PostgresPersons
from registration.app.identify_person import IdentifyPerson, identify_person
from registration.domain.identity import Described

MINT = "registration.subject"
"""Names the reference derived from the event that opens a file: redone work mints the same one."""


def subscriptions(referrals: Asks, vault: Vault, clock: Clock) -> list[Subscription]:
    """Return what this service consumes."""

    async def on_submitted(tx: Tx, delivery: Delivery, described: Described | Missing | None) -> None:
        event, envelope = delivery.event, delivery.envelope
        if isinstance(described, Missing):
            raise Transient("the referrals service knows no such referral")
        if described is None or not isinstance(event, ReferralSubmitted):
            return
        now = clock.now()
        await identify_person(
            IdentifyPerson(event.referral_id, described, derived_id(envelope.id, MINT)),
            persons=PostgresPersons(tx, vault, Cause(event, envelope), now),
            now=now,
        )

    return [
        Subscription(
            topic=topic_for(ReferralSubmitted).name,
            one={ReferralSubmitted: on_submitted},
            fetch=ReferralClaims(referrals).fetch,
        )
    ]
