"""Each organisation is told what is its own to know, and nothing of what others did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.clock import MovableClock
from chassis.records import Delivery, parse
from chassis.testing.events import routing, source_of_event, submitted
from maillage_contracts import (
    MODELS,
    PARTNER_TOPIC,
    AccompanimentEnded,
    AppointmentCancelled,
    EnrolmentEndedEarly,
    EnrolmentRefused,
    Event,
    PersonErased,
    PersonIdentified,
    PersonTierChanged,
    ReferralSubmitted,
    decode_value,
)
from partners.adapters.copies import MASKS, SourceCopies, envelope_for, masked_fields, value_for, value_of
from partners.adapters.subscribers import MATTERS, fact_of, subscriptions
from partners.domain.organisation import PARTNERS, Kind
from partners.domain.stream import SENSITIVE_SENDERS, Stream

AT = datetime(2026, 11, 24, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[4] / "contracts" / "examples"
OTHERS = sorted(PARTNERS - {Kind.COUNCIL})


def delivered(event: Event) -> Delivery:
    found = parse(source_of_event(event))
    assert isinstance(found, Delivery)
    return found


def identified() -> PersonIdentified:
    return PersonIdentified(
        subject_ref=uuid4(), aggregate_version=7, referral_id=uuid4(), routing=routing(), outcome="matched",
        identified_at=AT,
    )  # fmt: skip


def tier_changed(version: int, at: datetime) -> PersonTierChanged:
    return PersonTierChanged(
        subject_ref=uuid4(), aggregate_version=version, referral_id=uuid4(), routing=routing(), tier="joint",
        reason="accompaniment_activated", changed_at=at,
    )  # fmt: skip


def told(kind: Kind, event: Event) -> Event:
    return decode_value(event.event_type, value_for(kind, delivered(event)))


def examples() -> list[Event]:
    """Every bare example of a type that partners may be told."""
    found = []
    for ce_type in PARTNER_TOPIC.relayed_types:
        for path in sorted((EXAMPLES / ce_type.removeprefix("fr.maillage.")).glob("*.json")):
            if not path.name.endswith(".cloudevent.json"):
                found.append(decode_value(ce_type, path.read_bytes()))
    return found


def test_every_type_that_may_be_relayed_is_read_and_has_a_matter() -> None:
    assert {model.event_type for model in MATTERS} == set(PARTNER_TOPIC.relayed_types)
    read = {model for one in subscriptions(MovableClock(AT)) for model in one.many_types}
    assert read == set(MATTERS) == {MODELS[ce_type] for ce_type in PARTNER_TOPIC.relayed_types}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_others_did_is_left_out_of_an_identification_and_nothing_else(kind: Kind) -> None:
    event = identified()

    assert told(kind, event) == event.model_copy(update={"outcome": "identified", "aggregate_version": 1})


@pytest.mark.parametrize("kind", OTHERS)
def test_version_of_a_persons_event_grows_with_time_and_counts_nothing(kind: Kind) -> None:
    later = AT + timedelta(milliseconds=1)
    first, second = told(kind, tier_changed(3, AT)), told(kind, tier_changed(41, later))
    erased = told(kind, PersonErased(subject_ref=uuid4(), aggregate_version=42, erased_at=later + timedelta(days=1)))

    assert first.aggregate_version < second.aggregate_version < erased.aggregate_version
    assert told(kind, tier_changed(3, AT)).aggregate_version == told(kind, tier_changed(9, AT)).aggregate_version


@pytest.mark.parametrize("kind", OTHERS)
def test_version_counts_only_what_belongs_to_one_referral(kind: Kind) -> None:
    """Only a person's events are numbered across referrals; those of anything else belong to one story."""
    for event in examples():
        if event.aggregate_field == "subject_ref":
            more = event.model_copy(update={"aggregate_version": event.aggregate_version + 5})
            assert told(kind, more) == told(kind, event), event.event_type


def test_erasure_names_no_story_of_somebody_else() -> None:
    delivery = delivered(PersonErased(subject_ref=uuid4(), aggregate_version=2, erased_at=AT))
    delivery = replace(delivery, envelope=replace(delivery.envelope, causation_id=uuid4()))

    for kind in OTHERS:
        own = envelope_for(kind, delivery)
        assert (own.correlation_id, own.causation_id) == (own.id, None)
        assert own.id == delivery.envelope.id
        assert envelope_for(kind, delivered(identified())).correlation_id != own.id
    assert envelope_for(Kind.COUNCIL, delivery) == delivery.envelope


@pytest.mark.parametrize(
    ("model", "told_instead"),
    [
        (EnrolmentEndedEarly, {"how": "ended"}),
        (EnrolmentRefused, {"refused_by": "not_said"}),
        (AppointmentCancelled, {"cancelled_by": "not_said"}),
        (AccompanimentEnded, {"reason": "ended"}),
    ],
)
def test_association_is_not_told_why_or_by_whom_something_ended(
    model: type[Event], told_instead: dict[str, str]
) -> None:
    found = [one for one in examples() if isinstance(one, model)]

    assert found
    for event in found:
        assert told(Kind.ASSOCIATION, event) == event.model_copy(update=told_instead) != event
        assert told(Kind.TRAINING_PROVIDER, event) == told(Kind.EMPLOYMENT_SERVICE, event) == event


def test_other_events_are_copied_byte_for_byte() -> None:
    for event in (submitted(), *examples()):
        delivery = delivered(event)
        for kind in PARTNERS:
            if type(event) not in MASKS[kind]:
                assert value_for(kind, delivery) == value_of(delivery)
    assert not MASKS[Kind.COUNCIL]


def test_each_organisation_gets_the_copy_of_its_kind() -> None:
    delivery = delivered(identified())
    council = Stream(uuid4(), "cd93", "partner-cd93-v1", Kind.COUNCIL, 0)
    association = Stream(uuid4(), "asso1", "partner-asso1-v1", Kind.ASSOCIATION, 0)

    rows = SourceCopies([delivery], MovableClock(AT)).copy(fact_of(delivery), [(council, 1), (association, 1)])

    assert [b'"matched"' in row.payload for row in rows] == [True, False]
    assert {row.person for row in rows} == {fact_of(delivery).person}


# The table of the field: which senders' nature is hidden, and from whom. Written out, so that a change is a decision.
HIDDEN = ("ase", "caarud", "cidff", "csapa", "pension", "pjj", "prevention", "spip")
SHOWN = ("association", "council", "ccas", "mission_locale", "cap_emploi", "other")


@pytest.mark.parametrize("kind", sorted(PARTNERS))
@pytest.mark.parametrize("sender", [*HIDDEN, *SHOWN])
def test_nature_of_a_sensitive_sender_is_told_to_those_who_need_it_only(kind: Kind, sender: str) -> None:
    asked = submitted()
    event = asked.model_copy(update={"routing": asked.routing.model_copy(update={"sender_kind": sender})})
    hidden = kind in (Kind.EMPLOYMENT_SERVICE, Kind.TRAINING_PROVIDER) and sender in HIDDEN

    copy = told(kind, event)

    assert isinstance(copy, ReferralSubmitted)
    assert copy.routing.sender_kind == ("other" if hidden else sender)
    assert copy.model_copy(update={"routing": event.routing}) == event
    assert ("routing" in masked_fields(kind, delivered(event))) is hidden, "an explanation says what a copy leaves out"


def test_table_of_sensitive_senders_is_the_one_of_the_field() -> None:
    assert frozenset(HIDDEN) == SENSITIVE_SENDERS


def test_mask_of_a_person_and_of_a_sender_meet_in_one_copy() -> None:
    event = identified()
    event = event.model_copy(update={"routing": event.routing.model_copy(update={"sender_kind": "csapa"})})

    copy = told(Kind.EMPLOYMENT_SERVICE, event)

    assert isinstance(copy, PersonIdentified)
    assert (copy.outcome, copy.aggregate_version, copy.routing.sender_kind) == ("identified", 1, "other")
