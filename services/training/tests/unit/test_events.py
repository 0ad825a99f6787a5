"""Every fact of a session or an enrolment is told by an event that the committed schema accepts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from maillage_contracts import Event, type_of
from maillage_contracts.topics import ENROLMENTS, SESSIONS
from training.adapters.events import Because, enrolment_event, session_event
from training.domain.accompaniment import Accompaniment, AccompanimentStatus
from training.domain.enrolment import Enrolment, EnrolmentChanged, Ineligibility
from training.domain.session import CancelReason, Programme, Session, SessionChanged, SessionStatus
from training.domain.status import PASSING, Actor, Status

SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
KNOWN = Accompaniment(
    UUID(int=10), UUID(int=11), UUID(int=12), UUID(int=13), "93048", UUID(int=14), "association", UUID(int=1),
    UUID(int=2), AccompanimentStatus.ACTIVE,
)  # fmt: skip
SESSION = Session(
    UUID(int=20), UUID(int=21), UUID(int=3), Programme("Bases", "numerique--x", "93048", 0, 12, AT, "ici"), AT, AT
)
ONE = Enrolment(UUID(int=30), KNOWN, UUID(int=31), UUID(int=20), UUID(int=20), AT, AT)
TYPES = {
    Status.REQUESTED: "requested", Status.INELIGIBLE: "found_ineligible", Status.SEAT_HELD: "seat_held",
    Status.WAITLISTED: "waitlisted", Status.SEAT_OFFERED: "seat_offered", Status.OFFER_EXPIRED: "offer_expired",
    Status.CONFIRMED: "confirmed", Status.ATTENDING: "started", Status.COMPLETED: "completed",
    Status.DROPPED_OUT: "ended_early", Status.NO_SHOW: "ended_early", Status.REFUSED_BY_PERSON: "refused",
    Status.REFUSED_BY_THIRD_PARTY: "refused", Status.WITHDRAWN: "withdrawn",
}  # fmt: skip


def fact(status: Status, **known: Any) -> EnrolmentChanged:
    usual: dict[str, Any] = {
        "starts_at": AT, "provider_id": UUID(int=3), "rank": 1, "expires_at": AT,
        "reason": Ineligibility.UNKNOWN_SESSION,
    }  # fmt: skip
    return EnrolmentChanged(UUID(int=30), 2, status, AT, Actor.SYSTEM, UUID(int=20), **(usual | known))


def valid(event: Event) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(event.model_dump_json())
    schema = json.loads((SCHEMAS / f"{type_of(event).removeprefix('fr.maillage.')}.schema.json").read_text())
    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
    return value


@pytest.mark.parametrize("status", TYPES)
def test_fact_of_an_enrolment_is_told_as_its_schema_says(status: Status) -> None:
    event = enrolment_event(ONE, fact(status))
    assert event is not None
    assert type_of(event) == f"fr.maillage.training.enrolment.{TYPES[status]}.v1"
    value = valid(event)
    assert value["routing"] == {
        "commune": "93048", "referrer_organisation_id": str(UUID(int=14)),
        "receiver_organisation_id": str(UUID(int=1)), "sender_kind": "association",
        "employment_organisation_id": str(UUID(int=2)), "training_organisation_id": str(UUID(int=3)),
    }  # fmt: skip


def test_every_event_of_the_topics_is_told_and_what_is_not_told_passes() -> None:
    assert {f"fr.maillage.training.enrolment.{name}.v1" for name in TYPES.values()} == set(ENROLMENTS.types)
    assert len(SESSIONS.types) == 2
    silent = [status for status in Status if status not in TYPES]
    assert set(silent) == PASSING - {Status.REQUESTED}
    assert not [status for status in silent if enrolment_event(ONE, fact(status)) is not None]


def test_session_is_told_as_its_schema_says() -> None:
    opened = session_event(SESSION, SessionChanged(SESSION.session_id, 1, SessionStatus.OPEN, AT))
    assert (valid(opened)["seats"], valid(opened)["theme"]) == (0, "numerique--x")
    for reason in CancelReason:
        told = session_event(SESSION, SessionChanged(SESSION.session_id, 2, SessionStatus.CANCELLED, AT, reason))
        assert valid(told)["reason"] == reason


def test_every_reason_is_one_that_the_contract_takes() -> None:
    for reason in Ineligibility:
        event = enrolment_event(ONE, fact(Status.INELIGIBLE, reason=reason, starts_at=None, provider_id=None))
        assert event is not None
        assert valid(event)["starts_at"] == "2026-03-02T09:30:00Z"


def test_ids_derive_from_the_event_that_causes_and_are_new_otherwise() -> None:
    cause = UUID(int=77)
    one, again, other = Because(cause), Because(cause), Because(UUID(int=78))
    first = [one.new_id() for _ in range(3)]
    assert len({*first, other.new_id()}) == 4
    assert [again.new_id() for _ in range(3)] == first
    assert Because().new_id() != Because().new_id()
