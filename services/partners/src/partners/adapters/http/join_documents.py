"""What the routes of joining take and show. Nothing shown holds the address of whoever asks."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from partners.adapters.http.organisations import Email, Line, TerritoryBody
from partners.adapters.partner_listener import PartnerListener
from partners.app.kafka_ports import KafkaAccess
from partners.app.show_credentials import Shown
from partners.domain.join_request import Applicant, JoinRequest, JoinRequestState, suggested_code
from partners.domain.kafka_access import group_prefix_of
from partners.domain.organisation import Details, Kind, Organisation, Territory


class JoinBody(BaseModel):
    """An organisation as it describes itself, and where to write to whoever asks."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Line
    legal_number: Annotated[str, Field(min_length=9, max_length=40)]
    kind: Literal["association", "council", "employment_service", "training_provider"]
    territory: TerritoryBody
    phone: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9 +().-]+$")]
    postal_address: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f]+$")]
    email: Email | None = None
    """The organisation's own, public as its telephone is: its notices go there."""
    contact_email: Email
    language: Literal["fr", "en"] = "fr"
    sandbox: bool = False

    def applicant(self) -> Applicant:
        details = Details(self.name, self.phone, self.postal_address, self.territory.territory(), self.email)
        return Applicant(Kind(self.kind), details, self.legal_number, self.language, self.sandbox)


class ApprovalBody(BaseModel):
    """Under which code the organisation takes part."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    code: Annotated[str, Field(pattern=r"^[a-z0-9]{2,20}$")]


class RefusalBody(BaseModel):
    """Why not, in words for whoever asked."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f]+$")]


def territory_document(territory: Territory) -> dict[str, Any]:
    """Return a territory as the API shows it."""
    return {
        "communes": territory.communes,
        "epcis": territory.epcis,
        "departements": territory.departements,
        "collectivities": territory.collectivities,
    }


def request_document(request: JoinRequest, organisation: Organisation | None, at: datetime) -> dict[str, Any]:
    """Return a request as its link shows it."""
    ended = request.expire(at) is not None
    applicant = request.applicant
    return {
        "join_request_id": str(request.join_request_id),
        "state": JoinRequestState.EXPIRED.value if ended else request.state.value,
        "organisation": {
            "name": applicant.details.name,
            "kind": applicant.kind.value,
            **({} if organisation is None else {"code": organisation.code}),
        },
        "refusal_reason": request.refusal_reason,
        "credentials_available": request.credentials_wait and at < request.due_at,
        "link_until": request.due_at,
        "sandbox": applicant.sandbox,
        "language": applicant.language,
    }


def listed_document(request: JoinRequest, code: str | None) -> dict[str, Any]:
    """Return a request as operators see it."""
    applicant, details = request.applicant, request.applicant.details
    return {
        "join_request_id": str(request.join_request_id),
        "state": request.state.value,
        "name": details.name,
        "legal_number": applicant.legal_number,
        "kind": applicant.kind.value,
        "territory": territory_document(details.territory),
        "phone": details.phone,
        "postal_address": details.postal_address,
        "email": details.email,
        "language": applicant.language,
        "sandbox": applicant.sandbox,
        "asked_at": request.asked_at,
        "confirmed_at": request.confirmed_at,
        "decided_at": request.decided_at,
        "refusal_reason": request.refusal_reason,
        "organisation_code": code,
        "suggested_code": suggested_code(applicant),
    }


def addresses(public_url: str) -> dict[str, str]:
    """Return the addresses that a program begins with."""
    return {"token_url": f"{public_url}/oauth/token", "feed_url": f"{public_url}/feed"}


def _kafka(access: KafkaAccess, listener: PartnerListener) -> dict[str, Any]:
    return {**listener.document(access), "group": f"{group_prefix_of(access.code)}1"}


def access_document(
    request: JoinRequest,
    organisation: Organisation,
    access: KafkaAccess | None,
    public_url: str,
    listener: PartnerListener,
) -> dict[str, Any] | None:
    """Return what commands are made of, without any secret; None before the credentials were fetched."""
    if request.client_id is None:
        return None
    return {
        "client_id": request.client_id,
        "organisation_code": organisation.code,
        **addresses(public_url),
        "kafka": None if access is None else _kafka(access, listener),
    }


def shown_document(shown: Shown, public_url: str, listener: PartnerListener) -> dict[str, Any]:
    """Return the credentials, the only time that they are shown."""
    kafka = None
    if shown.kafka is not None:
        access, password = shown.kafka
        kafka = {**_kafka(access, listener), "password": password}
    return {
        "client_id": shown.issued.client.client_id,
        "client_secret": shown.issued.secret,
        "scopes": sorted(shown.issued.client.scopes),
        "organisation_code": shown.organisation.code,
        **addresses(public_url),
        "kafka": kafka,
    }


def test_event_document(event_id: UUID, ce_type: str, payload: bytes, position: int, at: datetime) -> dict[str, Any]:
    """Return a synthetic event as it stands in the stream."""
    return {
        "event_id": str(event_id),
        "type": ce_type,
        "referral_id": json.loads(payload).get("referral_id"),
        "sequence": position,
        "at": at,
    }
