"""An association hears that its person is identified, never that somebody else had referred them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from chassis.clock import MovableClock
from chassis.records import Delivery, parse
from chassis.testing.events import routing, source_of_event, submitted
from maillage_contracts import Event, PersonIdentified, decode_value
from partners.adapters.subscribers import SourceCopies, fact_of, masked_value_of, value_of
from partners.domain.organisation import Kind
from partners.domain.stream import Stream

AT = datetime(2026, 11, 24, tzinfo=UTC)


def delivered(event: Event) -> Delivery:
    found = parse(source_of_event(event))
    assert isinstance(found, Delivery)
    return found


def identified() -> PersonIdentified:
    return PersonIdentified(
        subject_ref=uuid4(), aggregate_version=7, referral_id=uuid4(), routing=routing(), outcome="matched",
        identified_at=AT,
    )  # fmt: skip


def test_what_others_did_is_left_out_and_nothing_else() -> None:
    event = identified()

    masked = decode_value(event.event_type, masked_value_of(delivered(event)))

    assert masked == event.model_copy(update={"outcome": "identified", "aggregate_version": 1})


def test_other_events_are_copied_byte_for_byte() -> None:
    delivery = delivered(submitted())

    assert masked_value_of(delivery) == value_of(delivery)


def test_each_organisation_gets_the_copy_of_its_kind() -> None:
    delivery = delivered(identified())
    council = Stream(uuid4(), "cd93", "partner-cd93-v1", Kind.COUNCIL, 0)
    association = Stream(uuid4(), "asso1", "partner-asso1-v1", Kind.ASSOCIATION, 0)

    rows = SourceCopies([delivery], MovableClock(AT)).copy(fact_of(delivery), [(council, 1), (association, 1)])

    assert [b'"matched"' in row.payload for row in rows] == [True, False]
