"""Read the services' JSON, tolerantly: unknown fields are ignored, missing optional ones are empty.

An answer without what the page cannot do without counts as the service's failure; its content is never shown.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from portal.app.ports import FeedBatch
from portal.domain.errors import ServiceSilent
from portal.domain.member import Kind, Member
from portal.domain.referral import Party, Person, Place, Referral, ReferralLine, ReferralPage, Step

M = TypeVar("M", bound=BaseModel)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Place(_Answer):
    code: str
    name: str = ""


class _Party(_Answer):
    code: str = ""
    name: str = ""
    phone: str | None = None
    postal_address: str | None = None

    def party(self) -> Party:
        return Party(self.code, self.name or self.code, self.phone or "", self.postal_address or "")


class _Line(_Answer):
    referral_id: UUID
    status: str
    version: int
    commune: _Place
    themes: list[str] = Field(default_factory=list)
    submitted_at: datetime
    changed_at: datetime | None = None
    council: _Party
    referrer: _Party = _Party()
    person_name: str | None = None

    def line(self) -> ReferralLine:
        return ReferralLine(
            referral_id=self.referral_id,
            status=self.status,
            version=self.version,
            commune=Place(self.commune.code, self.commune.name or self.commune.code),
            themes=tuple(self.themes),
            submitted_at=self.submitted_at,
            changed_at=self.changed_at or self.submitted_at,
            council=self.council.party(),
            referrer=self.referrer.party(),
            person_name=self.person_name or "",
        )


class _Page(_Answer):
    items: list[_Line]
    cursor: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)


class _Person(_Answer):
    first_name: str = ""
    last_name: str = ""
    birth_date: date | None = None
    phone: str | None = None
    email: str | None = None
    address: str | None = None


class _Step(_Answer):
    at: datetime
    status: str
    by: str = ""
    organisation_name: str | None = None
    reasons: list[str] | None = None
    declined_by: str | None = None


class _Full(_Line):
    person: _Person | None = None
    note: str | None = None
    history: list[_Step] = Field(default_factory=list)
    allowed: list[str] = Field(default_factory=list)


class _Organisation(_Answer):
    code: str
    name: str
    kind: str


class _Member(_Answer):
    member_id: UUID
    label: str
    organisation: _Organisation | None = None
    organisation_code: str = ""
    organisation_name: str = ""
    organisation_kind: str = ""


class _Created(_Answer):
    referral_id: UUID


PERSON_EVENT = ".person."
"""In the type of what registration says of the person of a referral, in every version of it."""


class _Event(_Answer):
    type: str = ""
    data: dict[str, Any] | None = None


class _Feed(_Answer):
    events: list[_Event]
    cursor: str | None = None
    more: bool = False


def _read(model: type[M], answer: object, service: str) -> M:
    try:
        return model.model_validate(answer)
    except ValidationError:
        raise ServiceSilent(service) from None


def members(response: httpx.Response) -> list[Member]:
    """Return the members whose organisations have pages here; the answer may be a list or wrapped in `items`."""
    try:
        body = response.json()
        listed = body.get("items", body.get("members", [])) if isinstance(body, dict) else body
        found = TypeAdapter(list[_Member]).validate_python(listed)
    except ValueError:
        raise ServiceSilent("partners") from None
    kinds = set(Kind)
    known = []
    for one in found:
        code, name, kind = one.organisation_code, one.organisation_name, one.organisation_kind
        if one.organisation is not None:
            code, name, kind = one.organisation.code, one.organisation.name, one.organisation.kind
        if kind in kinds:
            known.append(Member(one.member_id, one.label, code, name, Kind(kind)))
    return known


def referral_page(answer: dict[str, Any]) -> ReferralPage:
    page = _read(_Page, answer, "referrals")
    return ReferralPage(tuple(item.line() for item in page.items), page.cursor or "", page.counts)


def referral(answer: dict[str, Any]) -> Referral:
    full = _read(_Full, answer, "referrals")
    person = full.person
    history = tuple(
        Step(one.at, one.status, one.by, one.organisation_name or "", tuple(one.reasons or ()), one.declined_by or "")
        for one in full.history
    )
    return Referral(
        line=full.line(),
        person=None
        if person is None
        else Person(
            person.first_name,
            person.last_name,
            person.birth_date,
            person.phone or "",
            person.email or "",
            person.address or "",
        ),
        note=full.note or "",
        history=history,
        allowed=tuple(full.allowed),
    )


def referral_id(answer: dict[str, Any]) -> UUID:
    return _read(_Created, answer, "referrals").referral_id


def feed_batch(answer: dict[str, Any]) -> FeedBatch:
    """Return which referrals a part of the feed is about; events about anything else only move the cursor."""
    feed = _read(_Feed, answer, "partners")
    ids: dict[UUID, None] = {}
    persons: dict[UUID, None] = {}
    for event in feed.events:
        text = (event.data or {}).get("referral_id")
        if isinstance(text, str):
            try:
                ids[UUID(text)] = None
            except ValueError:
                continue
            if PERSON_EVENT in event.type:
                persons[UUID(text)] = None
    return FeedBatch(tuple(ids), feed.cursor or "", feed.more, tuple(persons))
