"""Every fact is told by an event that the committed schema accepts, in the story of its cause."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import jsonschema
import pytest

from chassis.ids import derived_id
from chassis.outbox import OutboxRow
from chassis.testing.events import submitted
from maillage_contracts import Decoded, decode, envelope_for
from registration.adapters.events import CONSUMER, TIER, Cause, appointment_rows, row_for, tier_row
from registration.domain.appointment import Fact, What
from registration.domain.registration import Identified, Outcome
from registration.domain.support import Reason, Tier, TierChanged

from .conftest import accompaniment, booked

SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
EVENT = submitted()
CAUSE = Cause(EVENT, envelope_for(EVENT, id=UUID(int=7), source="/referrals", time=AT, correlation_id=UUID(int=8)))


def valid(row: OutboxRow) -> Decoded:
    """Check a row against the committed schema of its type, and return it as a reader would."""
    schema = json.loads((SCHEMAS / f"{row.type.removeprefix('fr.maillage.')}.schema.json").read_text())
    jsonschema.validate(json.loads(row.payload), schema, cls=jsonschema.Draft202012Validator)
    return decode(json.loads(row.headers), row.payload)


@pytest.mark.parametrize("outcome", Outcome)
def test_identification_is_told_as_its_schema_says_because_of_its_cause(outcome: Outcome) -> None:
    row = row_for(Identified(UUID(int=1), 3, EVENT.referral_id, outcome, AT), CAUSE)
    read = valid(row)
    assert (read.envelope.correlation_id, read.envelope.causation_id) == (UUID(int=8), UUID(int=7))
    assert read.envelope.id == row.id == derived_id(UUID(int=7), CONSUMER)
    assert (row.topic, row.key) == ("registration-person-v1", str(UUID(int=1)))


@pytest.mark.parametrize(
    ("tier", "previous", "reason"),
    [
        (Tier.JOINT, None, Reason.ACCOMPANIMENT_ACTIVATED),
        (Tier.JOINT, Tier.GUIDED, Reason.ACCOMPANIMENT_ACTIVATED),
        (None, Tier.JOINT, Reason.ACCOMPANIMENT_ENDED),
    ],
)
def test_tier_is_told_as_its_schema_says_because_of_its_cause(
    tier: Tier | None, previous: Tier | None, reason: Reason
) -> None:
    story = accompaniment()
    fact = TierChanged(UUID(int=2), 5, tier, previous, reason, story.accompaniment_id, story.referral_id, AT)
    row = tier_row(fact, story, CAUSE.envelope)
    read = valid(row)
    assert (read.envelope.correlation_id, read.envelope.causation_id) == (story.correlation_id, UUID(int=7))
    assert read.envelope.id == derived_id(UUID(int=7), TIER) != derived_id(UUID(int=7), CONSUMER)
    assert (row.topic, row.key) == ("registration-person-v1", str(UUID(int=2)))
    assert json.loads(row.payload)["tier"] == tier


@pytest.mark.parametrize("what", What)
def test_what_happens_to_an_appointment_is_told_as_its_schema_says(what: What) -> None:
    appointment = booked(AT + timedelta(days=1), AT + timedelta(days=2))
    dated = what in (What.BOOKED, What.POSTPONED)
    (row,) = appointment_rows(appointment, [Fact(what, 3, AT, AT + timedelta(days=1) if dated else None)])
    read = valid(row)
    assert (read.envelope.correlation_id, read.envelope.causation_id) == (UUID(int=4), None)
    assert (row.topic, row.key) == ("registration-appointment-v1", str(appointment.appointment_id))
    body = json.loads(row.payload)
    assert body["routing"]["employment_organisation_id"] == str(appointment.accompaniment.employment_id)
    assert (body["referral_id"], body["subject_ref"]) == (str(UUID(int=3)), str(UUID(int=2)))


def test_postponement_tells_a_date_and_nothing_else() -> None:
    appointment = booked()
    (row,) = appointment_rows(appointment, [Fact(What.POSTPONED, 3, AT, AT + timedelta(days=1))])
    assert json.loads(row.payload).keys() == {
        "aggregate_version", "appointment_id", "accompaniment_id", "referral_id", "subject_ref", "routing",
        "previous_starts_at",
    }  # fmt: skip
