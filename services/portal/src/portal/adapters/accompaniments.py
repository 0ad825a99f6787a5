"""Joint accompaniments and training sessions over HTTP, read tolerantly: an unknown code is shown, never an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from portal.adapters.access import Access, keyed
from portal.adapters.answers import Answer, PartyAnswer, PersonAnswer, PlaceAnswer, StepAnswer, read_as
from portal.adapters.calls import Route, json_object
from portal.domain.accompaniment import (
    Accompaniment,
    AccompanimentLine,
    AccompanimentPage,
    Action,
    Goal,
    Meeting,
    Note,
    Plan,
    Seat,
    TrainingSession,
    in_order,
)
from portal.domain.member import Member
from portal.domain.referral import Party


class _Line(Answer):
    accompaniment_id: UUID
    referral_id: UUID
    status: str
    version: int = 0
    commune: PlaceAnswer
    council: PartyAnswer = PartyAnswer()
    employment_service: PartyAnswer = PartyAnswer()
    person_name: str | None = None
    proposed_at: datetime
    changed_at: datetime | None = None
    waiting_for_me: bool = False

    def line(self) -> AccompanimentLine:
        return AccompanimentLine(
            self.accompaniment_id, self.referral_id, self.status, self.version, self.commune.place(),
            self.council.party(), self.employment_service.party(), self.person_name or "", self.proposed_at,
            self.changed_at or self.proposed_at, self.waiting_for_me,
        )  # fmt: skip


class _Page(Answer):
    items: list[_Line]
    cursor: str | None = None


class _Goal(Answer):
    goal_id: str
    text: str | None = None


class _Seat(Answer):
    status: str
    starts_at: datetime | None = None
    rank: int | None = None

    def seat(self) -> Seat:
        return Seat(self.status, self.starts_at, self.rank)


class _Action(Answer):
    action_id: str
    kind: str
    theme: str = ""
    text: str | None = None
    assigned_to: str = ""
    due_on: date | None = None
    state: str = "planned"
    session_id: str | None = None
    enrolment: _Seat | None = None

    def action(self) -> Action:
        seat = self.enrolment.seat() if self.enrolment else None
        return Action(
            self.action_id, self.kind, self.theme, self.text or "", self.assigned_to, self.due_on, self.state,
            self.session_id or "", seat,
        )  # fmt: skip


class _Plan(Answer):
    version: int = 0
    goals: list[_Goal] = Field(default_factory=list)
    actions: list[_Action] = Field(default_factory=list)
    changed_at: datetime | None = None
    changed_by: str | None = None

    def plan(self) -> Plan:
        goals = tuple(Goal(one.goal_id, one.text or "") for one in self.goals)
        actions = tuple(one.action() for one in self.actions)
        return Plan(self.version, goals, actions, self.changed_at, self.changed_by or "")


class _Note(Answer):
    text: str | None = None
    changed_at: datetime | None = None


class _Meeting(Answer):
    appointment_id: UUID
    status: str
    starts_at: datetime | None = None
    modality: str = ""


class _Full(_Line):
    person: PersonAnswer | None = None
    side: str = ""
    accepted_by: list[str] = Field(default_factory=list)
    allowed: list[str] = Field(default_factory=list)
    plan: _Plan | None = None
    note: _Note | None = None
    appointments: list[_Meeting] = Field(default_factory=list)
    history: list[StepAnswer] = Field(default_factory=list)


class _Services(Answer):
    items: list[PartyAnswer]


class _Created(Answer):
    accompaniment_id: UUID


class _Session(Answer):
    session_id: str
    title: str = ""
    theme: str
    commune: PlaceAnswer
    seats: int = 0
    free: int = 0
    waiting: int = 0
    hours: int = 0
    starts_at: datetime
    place: str | None = None
    organisation: PartyAnswer = PartyAnswer()


class _Sessions(Answer):
    items: list[_Session]


def accompaniment(answer: dict[str, Any]) -> Accompaniment:
    """Read one accompaniment in full."""
    full = read_as(_Full, answer, "referrals")
    return Accompaniment(
        line=full.line(),
        person=full.person.person() if full.person else None,
        side=full.side,
        accepted_by=tuple(full.accepted_by),
        allowed=tuple(full.allowed),
        plan=full.plan.plan() if full.plan else Plan(0, (), ()),
        note=Note(full.note.text or "", full.note.changed_at) if full.note else None,
        meetings=in_order(
            Meeting(one.appointment_id, one.status, one.starts_at, one.modality) for one in full.appointments
        ),
        history=tuple(one.step() for one in full.history),
    )


class AccompanimentService:
    """Implements AccompanimentDesk."""

    def __init__(self, access: Access, referrals_url: str) -> None:
        self._access = access
        self._url = referrals_url.rstrip("/")

    async def employment_services(self, member: Member, commune: str) -> Sequence[Party]:
        response = await self._access.call(
            self._route("GET", "/employment-services"), member, params={"commune": commune}
        )
        found = read_as(_Services, json_object(response, "referrals"), "referrals")
        return [one.party() for one in found.items]

    async def propose(self, member: Member, referral_id: UUID, service_code: str, *, key: str) -> UUID:
        route = self._route("POST", "/referrals/{id}/accompaniment", f"/referrals/{referral_id}/accompaniment")
        response = await self._access.call(route, member, **keyed(key, {"employment_service": service_code}))
        return read_as(_Created, json_object(response, "referrals"), "referrals").accompaniment_id

    async def page(self, member: Member, *, status: str, after: str, limit: int) -> AccompanimentPage:
        asked = {"limit": str(limit), "status": status, "after": after}
        params = {name: value for name, value in asked.items() if value}
        response = await self._access.call(self._route("GET", "/accompaniments"), member, params=params)
        found = read_as(_Page, json_object(response, "referrals"), "referrals")
        return AccompanimentPage(tuple(one.line() for one in found.items), found.cursor or "")

    async def read(self, member: Member, accompaniment_id: UUID) -> Accompaniment:
        response = await self._access.call(self._one("GET", accompaniment_id), member)
        return accompaniment(json_object(response, "referrals"))

    async def command(
        self, member: Member, accompaniment_id: UUID, command: str, body: Mapping[str, object], *, key: str
    ) -> None:
        await self._access.call(self._one("POST", accompaniment_id, f"/{command}"), member, **keyed(key, body))

    async def save_plan(self, member: Member, accompaniment_id: UUID, body: Mapping[str, object]) -> None:
        await self._access.call(self._one("PUT", accompaniment_id, "/plan"), member, json=body)

    async def save_note(self, member: Member, accompaniment_id: UUID, text: str) -> None:
        await self._access.call(self._one("PUT", accompaniment_id, "/note"), member, json={"text": text})

    def _one(self, method: str, accompaniment_id: UUID, rest: str = "") -> Route:
        return self._route(method, f"/accompaniments/{{id}}{rest}", f"/accompaniments/{accompaniment_id}{rest}")

    def _route(self, method: str, template: str, path: str = "") -> Route:
        return Route("referrals", method, self._url, template, path)


class TrainingService:
    """Implements TrainingDesk."""

    def __init__(self, access: Access, training_url: str) -> None:
        self._access = access
        self._url = training_url.rstrip("/")

    async def sessions(self, member: Member, *, limit: int) -> Sequence[TrainingSession]:
        route = Route("training", "GET", self._url, "/sessions")
        response = await self._access.call(route, member, params={"limit": limit})
        found = read_as(_Sessions, json_object(response, "training"), "training")
        return [
            TrainingSession(
                one.session_id, one.title, one.theme, one.commune.place(), one.seats, one.free, one.waiting, one.hours,
                one.starts_at, one.place or "", one.organisation.party().name,
            )
            for one in found.items
        ]  # fmt: skip
