"""What is remembered of a referral for snapshots follows its events, those that change no status included."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chassis.records import Delivery, parse
from chassis.testing.events import AT, example, source_of_event, submitted
from maillage_contracts import (
    AccompanimentPlanChanged,
    AccompanimentProposed,
    AccompanimentTermDue,
    Event,
    PersonErased,
    PersonIdentified,
    ReferralOpened,
)
from partners.adapters.steps import known_steps
from partners.adapters.subscribers import known_persons, known_referrals


def delivered(event: Event) -> Delivery:
    found = parse(source_of_event(event))
    assert isinstance(found, Delivery)
    return found


def test_opening_moves_the_version_and_leaves_the_status() -> None:
    first = submitted()
    opening = example(
        ReferralOpened,
        referral_id=first.referral_id,
        aggregate_version=2,
        status="submitted",
        changed_at=AT,
        opened_at=AT + timedelta(minutes=12),
    )

    [known] = known_referrals([delivered(first), delivered(opening)])

    # What is said later of the referral, such as that it left a scope, must not look older than the opening.
    assert (known.version, known.status, known.open, known.themes) == (2, "submitted", True, first.themes)
    assert known.changed_at == AT, "opening changes no status"


def test_plans_and_terms_say_which_referral_an_accompaniment_is_of_and_nothing_of_where_it_stands() -> None:
    events = [delivered(example(model)) for model in (AccompanimentTermDue, AccompanimentPlanChanged)]
    proposed = example(AccompanimentProposed, accompaniment_id=example(AccompanimentTermDue).accompaniment_id)

    [alone] = known_steps(events)
    [known] = known_steps([events[0], delivered(proposed), events[1]])

    assert (alone.referral_id, alone.version, alone.open) == (example(AccompanimentTermDue).referral_id, 0, False)
    assert (known.version, known.status, known.open) == (proposed.aggregate_version, "proposed", True)


def test_whose_a_referral_is_is_known_from_whatever_says_so() -> None:
    for model in (PersonIdentified, AccompanimentProposed):
        event: Any = example(model)
        assert known_persons([delivered(event)]) == {event.referral_id: event.subject_ref}
    assert known_persons([delivered(submitted()), delivered(example(PersonErased))]) == {}
