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
from portal.domain.referral import Party, Person, Place, Referral, ReferralLine, ReferralPage, Step, Together

M = TypeVar("M", bound=BaseModel)


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class PlaceAnswer(Answer):
    code: str
    name: str = ""

    def place(self) -> Place:
        return Place(self.code, self.name or self.code)


class PartyAnswer(Answer):
    code: str = ""
    name: str = ""
    phone: str | None = None
    postal_address: str | None = None
    organisation_id: str | None = None

    def party(self) -> Party:
        return Party(
            self.code, self.name or self.code, self.phone or "", self.postal_address or "", self.organisation_id or ""
        )


class _Line(Answer):
    referral_id: UUID
    status: str
    version: int
    commune: PlaceAnswer
    themes: list[str] = Field(default_factory=list)
    submitted_at: datetime
    changed_at: datetime | None = None
    council: PartyAnswer
    referrer: PartyAnswer = PartyAnswer()
    person_name: str | None = None

    def line(self) -> ReferralLine:
        return ReferralLine(
            referral_id=self.referral_id,
            status=self.status,
            version=self.version,
            commune=self.commune.place(),
            themes=tuple(self.themes),
            submitted_at=self.submitted_at,
            changed_at=self.changed_at or self.submitted_at,
            council=self.council.party(),
            referrer=self.referrer.party(),
            person_name=self.person_name or "",
        )


class _Page(Answer):
    items: list[_Line]
    cursor: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)


class PersonAnswer(Answer):
    first_name: str = ""
    last_name: str = ""
    birth_date: date | None = None
    phone: str | None = None
    email: str | None = None
    address: str | None = None

    def person(self) -> Person:
        return Person(
            self.first_name, self.last_name, self.birth_date, self.phone or "", self.email or "", self.address or ""
        )


class StepAnswer(Answer):
    at: datetime
    status: str
    by: str = ""
    organisation_name: str | None = None
    reasons: list[str] | None = None
    declined_by: str | None = None
    starts_at: datetime | None = None

    def step(self) -> Step:
        return Step(
            self.at, self.status, self.by, self.organisation_name or "", tuple(self.reasons or ()),
            self.declined_by or "", self.starts_at,
        )  # fmt: skip


class _Together(Answer):
    accompaniment_id: UUID
    status: str
    employment_service: PartyAnswer = PartyAnswer()

    def together(self) -> Together:
        return Together(self.accompaniment_id, self.status, self.employment_service.party())


class _Full(_Line):
    person: PersonAnswer | None = None
    note: str | None = None
    history: list[StepAnswer] = Field(default_factory=list)
    allowed: list[str] = Field(default_factory=list)
    accompaniment: _Together | None = None


class _Organisation(Answer):
    code: str
    name: str
    kind: str


class _Member(Answer):
    member_id: UUID
    label: str
    role: str = ""
    organisation: _Organisation | None = None
    organisation_code: str = ""
    organisation_name: str = ""
    organisation_kind: str = ""


class _Created(Answer):
    referral_id: UUID


OWN_EVENTS = "fr.maillage.referrals."
"""What the referrals service says of itself, it already knows; of all else it may read later than the feed."""


class _Event(Answer):
    type: str = ""
    data: dict[str, Any] | None = None


class _Feed(Answer):
    events: list[_Event]
    cursor: str | None = None
    more: bool = False


def read_as(model: type[M], answer: object, service: str) -> M:
    try:
        return model.model_validate(answer)
    except ValidationError:
        raise ServiceSilent(service) from None


def members(response: httpx.Response) -> list[Member]:
    """Return the members for whom there are pages here; the answer may be a list or wrapped in `items`."""
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
            known.append(Member(one.member_id, one.label, code, name, Kind(kind), one.role))
    return [member for member in known if member.sections]


def referral_page(answer: dict[str, Any]) -> ReferralPage:
    page = read_as(_Page, answer, "referrals")
    return ReferralPage(tuple(item.line() for item in page.items), page.cursor or "", page.counts)


def referral(answer: dict[str, Any]) -> Referral:
    full = read_as(_Full, answer, "referrals")
    return Referral(
        line=full.line(),
        person=full.person.person() if full.person else None,
        note=full.note or "",
        history=tuple(one.step() for one in full.history),
        allowed=tuple(full.allowed),
        together=full.accompaniment.together() if full.accompaniment else None,
    )


def referral_id(answer: dict[str, Any]) -> UUID:
    return read_as(_Created, answer, "referrals").referral_id


def feed_batch(answer: dict[str, Any]) -> FeedBatch:
    """Return which referrals a part of the feed is about; events about anything else only move the cursor."""
    feed = read_as(_Feed, answer, "partners")
    ids: dict[UUID, None] = {}
    unsettled: dict[UUID, None] = {}
    for event in feed.events:
        text = (event.data or {}).get("referral_id")
        if isinstance(text, str):
            try:
                ids[UUID(text)] = None
            except ValueError:
                continue
            if not event.type.startswith(OWN_EVENTS):
                unsettled[UUID(text)] = None
    return FeedBatch(tuple(ids), feed.cursor or "", feed.more, tuple(unsettled))
