"""A person identified is told by an event that the committed schema accepts, whatever the outcome."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import jsonschema
import pytest

from chassis.ids import derived_id
from chassis.testing.events import submitted
from maillage_contracts import decode, envelope_for
from registration.adapters.events import CONSUMER, Cause, row_for
from registration.domain.registration import Identified, Outcome

SCHEMA = Path(__file__).parents[4] / "contracts" / "schemas" / "registration.person.identified.v1.schema.json"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("outcome", Outcome)
def test_identification_is_told_as_its_schema_says_because_of_its_cause(outcome: Outcome) -> None:
    event = submitted()
    envelope = envelope_for(event, id=UUID(int=7), source="/referrals", time=AT, correlation_id=UUID(int=8))
    row = row_for(Identified(UUID(int=1), 3, event.referral_id, outcome, AT), Cause(event, envelope))

    jsonschema.validate(json.loads(row.payload), json.loads(SCHEMA.read_text()), cls=jsonschema.Draft202012Validator)
    read = decode(json.loads(row.headers), row.payload)
    assert (read.envelope.correlation_id, read.envelope.causation_id) == (UUID(int=8), UUID(int=7))
    assert read.envelope.id == row.id == derived_id(UUID(int=7), CONSUMER)
    assert (row.topic, row.key) == ("registration-person-v1", str(UUID(int=1)))
