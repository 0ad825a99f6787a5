"""Every fact of a referral is told by an event that the committed schema accepts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from data_inclusion.schema.v1 import Thematique  # type: ignore[import-untyped]  # ships no py.typed

import territory
from maillage_contracts import type_of
from referrals.adapters.events import event_for
from referrals.domain.decline import Decline, DeclinedBy, DeclineReason
from referrals.domain.referral import Parties, Referral, StatusChanged
from referrals.domain.status import Actor, Status

SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TYPES = {
    Status.SUBMITTED: "submitted", Status.RECEIVED: "received", Status.UNDER_REVIEW: "review_started",
    Status.ACCEPTED: "accepted", Status.DECLINED: "declined", Status.WITHDRAWN: "withdrawn",
    Status.OVERDUE: "overdue", Status.EXPIRED: "expired",
}  # fmt: skip


def referral(commune: str = "93048", themes: tuple[str, ...] = ("numerique--acquerir-un-equipement",)) -> Referral:
    parties = Parties(UUID(int=1), "association", UUID(int=2))
    return Referral(UUID(int=3), UUID(int=4), parties, commune, themes, AT, AT)


def told(status: Status, about: Referral) -> tuple[str, dict[str, Any]]:
    decline = Decline(tuple(DeclineReason), DeclinedBy.PERSON, True) if status is Status.DECLINED else None
    event = event_for(about, StatusChanged(about.referral_id, 2, status, AT, Actor.RECEIVER, decline))
    return type_of(event), json.loads(event.model_dump_json())


def schema(ce_type: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SCHEMAS / f"{ce_type.removeprefix('fr.maillage.')}.schema.json").read_text())
    return read


@pytest.mark.parametrize("status", TYPES)
def test_fact_is_told_as_its_schema_says(status: Status) -> None:
    ce_type, value = told(status, referral())
    assert ce_type == f"fr.maillage.referrals.referral.{TYPES[status]}.v1"
    jsonschema.validate(value, schema(ce_type), cls=jsonschema.Draft202012Validator)
    assert value["routing"] == {
        "commune": "93048", "referrer_organisation_id": str(UUID(int=1)),
        "receiver_organisation_id": str(UUID(int=2)), "sender_kind": "association",
        "employment_organisation_id": None, "training_organisation_id": None,
    }  # fmt: skip


def test_draft_is_nobody_elses_business() -> None:
    with pytest.raises(ValueError, match="draft"):
        told(Status.DRAFT, referral())


def test_every_commune_and_every_need_can_be_told() -> None:
    _, value = told(Status.SUBMITTED, referral(themes=tuple(theme.value for theme in Thematique)))
    assert len(value["themes"]) == len(Thematique)
    for commune in territory.communes():
        told(Status.RECEIVED, referral(commune.code))
