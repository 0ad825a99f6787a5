"""What is remembered of a referral for snapshots follows its events, those that change no status included."""

from __future__ import annotations

from datetime import timedelta

from chassis.records import Delivery, parse
from chassis.testing.events import AT, example, source_of_event, submitted
from maillage_contracts import Event, ReferralOpened
from partners.adapters.subscribers import known_referrals


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
