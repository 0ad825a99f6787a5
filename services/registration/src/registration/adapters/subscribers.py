"""Kafka in: a submitted referral leads to a person, an accompaniment to their tier, and the person learns who shared.

Nothing here waits for another topic. A reference to a person is one that we told: it is known, or erased meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from chassis.clock import Clock
from chassis.consumer import Subscription
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.errors import Permanent, Transient
from chassis.ids import derived_id
from chassis.records import Delivery
from maillage_contracts import (
    AccompanimentAccepted,
    AccompanimentActivated,
    AccompanimentEnded,
    AccompanimentProposed,
    AccompanimentRefused,
    AccompanimentReviewDue,
    AccompanimentReviewed,
    EnrolmentConfirmed,
    Event,
    ReferralMoved,
    ReferralSubmitted,
    topic_for,
)
from registration.adapters.claims import Asks, Missing, ReferralClaims
from registration.adapters.events import Cause
from registration.adapters.postgres.persons import PostgresPersons
from registration.adapters.postgres.sharings import PostgresSharings
from registration.adapters.postgres.support import PostgresSupports
from registration.adapters.recognitions import Recognitions
from registration.app.follow_accompaniment import follow_accompaniment
from registration.app.identify_person import IdentifyPerson, identify_person
from registration.domain.accompaniment import Accompaniment, Standing
from registration.domain.errors import NotFound
from registration.domain.identity import Described
from registration.domain.sharing import Shared, Sharing

MINT = "registration.subject"
"""Names the reference derived from the event that opens a file: redone work mints the same one."""

# identifications_pkey. The submission came before on this topic: no row means that there is nobody to be told.
SUBJECT_OF = "SELECT subject_ref FROM identifications WHERE referral_id = $1"

AccompanimentEvent: TypeAlias = (
    AccompanimentProposed
    | AccompanimentAccepted
    | AccompanimentActivated
    | AccompanimentRefused
    | AccompanimentReviewDue
    | AccompanimentReviewed
    | AccompanimentEnded
)

STANDINGS: Mapping[type[Event], Standing] = {
    AccompanimentProposed: Standing.PROPOSED,
    AccompanimentAccepted: Standing.ACCEPTED_BY_ONE,
    AccompanimentActivated: Standing.ACTIVE,
    AccompanimentRefused: Standing.REFUSED,
    AccompanimentReviewDue: Standing.REVIEW_DUE,
    AccompanimentReviewed: Standing.ACTIVE,
    AccompanimentEnded: Standing.ENDED,
}
"""Where an accompaniment stands after each event; the others do not move it."""


class PersonUnknown(Permanent):
    """An event speaks of a person who is not in this database: was it restored from before they were identified?"""


def subscriptions(referrals: Asks, vault: Vault, clock: Clock, recognitions: Recognitions) -> list[Subscription]:
    """Return what this service consumes; what each referral led to is counted."""

    async def on_submitted(tx: Tx, delivery: Delivery, described: Described | Missing | None) -> None:
        event, envelope = delivery.event, delivery.envelope
        if isinstance(described, Missing):
            raise Transient("the referrals service knows no such referral")
        if described is None or not isinstance(event, ReferralSubmitted):
            return
        now = clock.now()
        recognition = await identify_person(
            IdentifyPerson(
                referral_id=event.referral_id,
                described=described,
                subject_ref=derived_id(envelope.id, MINT),
                submitted_at=event.submitted_at,
                referrer_id=event.routing.referrer_organisation_id,
                receiver_id=event.routing.receiver_organisation_id,
            ),
            persons=PostgresPersons(tx, vault, Cause(event, envelope), now),
            sharings=PostgresSharings(tx),
            now=now,
        )
        if recognition is not None:
            recognitions.note(recognition)

    async def on_accompaniment(tx: Tx, delivery: Delivery, _: object) -> None:
        told = _accompaniment(delivery)
        try:
            await follow_accompaniment(
                told,
                told_at=delivery.envelope.time,
                supports=PostgresSupports(tx, delivery.envelope),
                sharings=PostgresSharings(tx),
                now=clock.now(),
            )
        except NotFound:
            raise PersonUnknown("an accompaniment of somebody unknown") from None

    return [
        Subscription(
            topic=topic_for(ReferralSubmitted).name,
            one={ReferralSubmitted: on_submitted, ReferralMoved: on_moved},
            fetch=ReferralClaims(referrals).fetch,
        ),
        Subscription(topic=topic_for(AccompanimentProposed).name, one=dict.fromkeys(STANDINGS, on_accompaniment)),
        Subscription(topic=topic_for(EnrolmentConfirmed).name, one={EnrolmentConfirmed: on_confirmed}),
    ]


async def on_moved(tx: Tx, delivery: Delivery, _: object) -> None:
    """Note that another council was told of the person, where they moved to its territory before an answer."""
    event = delivery.event
    if not isinstance(event, ReferralMoved):
        return
    asked = event.routing.receiver_organisation_id
    subject_ref = await tx.fetchval(SUBJECT_OF, event.referral_id)
    if subject_ref is None or asked == event.previous_receiver_organisation_id:
        return
    await PostgresSharings(tx).note(
        Sharing(
            what=Shared.REFERRAL,
            # The referral itself names the first time.
            source_id=delivery.envelope.id,
            subject_ref=subject_ref,
            at=event.moved_at,
            from_ids=(event.routing.referrer_organisation_id,),
            to_id=asked,
        )
    )


async def on_confirmed(tx: Tx, delivery: Delivery, _: object) -> None:
    """Note that whoever holds the session was told of the person, by the pair whose plan asked for it."""
    event = delivery.event
    if not isinstance(event, EnrolmentConfirmed) or event.routing.training_organisation_id is None:
        return
    pair = (event.routing.receiver_organisation_id, event.routing.employment_organisation_id)
    await PostgresSharings(tx).note(
        Sharing(
            what=Shared.TRAINING,
            source_id=event.enrolment_id,
            subject_ref=event.subject_ref,
            at=event.confirmed_at,
            from_ids=tuple(party for party in pair if party is not None),
            to_id=event.routing.training_organisation_id,
        )
    )


def _accompaniment(delivery: Delivery) -> Accompaniment:
    event = delivery.event
    if not isinstance(event, AccompanimentEvent):
        raise TypeError("only events of accompaniments are subscribed to here")
    routing = event.routing
    return Accompaniment(
        accompaniment_id=event.accompaniment_id,
        version=event.aggregate_version,
        standing=STANDINGS[type(event)],
        subject_ref=event.subject_ref,
        referral_id=event.referral_id,
        correlation_id=delivery.envelope.correlation_id,
        commune=routing.commune,
        referrer_id=routing.referrer_organisation_id,
        referrer_kind=routing.sender_kind,
        council_id=routing.receiver_organisation_id,
        employment_id=routing.employment_organisation_id,
    )
