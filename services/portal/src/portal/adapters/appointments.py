"""Appointments over HTTP: an organisation's with its members' access, a person's own with the link they hold.

The link goes in the header Maillage-Link and nowhere else: addresses, spans and errors hold none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from pydantic import Field

from portal.adapters.access import Access, keyed
from portal.adapters.answers import Answer, PartyAnswer, read_as
from portal.adapters.calls import TIMEOUT, Route, call, json_object
from portal.domain.appointment import Appointment, OwnAppointment, Shared
from portal.domain.dates import instant
from portal.domain.errors import AccessLost, Gone, LinkErased, LinkExpired, LinkUnknown, NotFound
from portal.domain.member import Member

LINK_HEADER = "Maillage-Link"
LINK = re.compile(r"^[A-Za-z0-9_=.-]{1,200}$")
"""What a link can be made of; anything else was not given by us and is sent nowhere."""

AGENDA_LIMIT = 100
AGENDA_PAGES_MAX = 5
"""Ten appointments a day for ten weeks: more than an organisation's page can show usefully."""


class _Appointment(Answer):
    appointment_id: UUID
    accompaniment_id: UUID | None = None
    status: str
    starts_at: datetime | None = None
    options: list[datetime] = Field(default_factory=list)
    modality: str = ""
    duration_minutes: int = 0
    place: str | None = None
    person_name: str | None = None
    organiser: PartyAnswer = PartyAnswer()
    allowed: list[str] = Field(default_factory=list)

    def appointment(self) -> Appointment:
        return Appointment(
            self.appointment_id, self.accompaniment_id, self.status, self.starts_at, tuple(self.options),
            self.modality, self.duration_minutes, self.place or "", self.person_name or "", self.organiser.party(),
            tuple(self.allowed),
        )  # fmt: skip


class _Appointments(Answer):
    items: list[_Appointment]
    cursor: str | None = None


class _Own(Answer):
    first_name: str | None = None
    status: str
    starts_at: datetime | None = None
    options: list[datetime] = Field(default_factory=list)
    modality: str = ""
    duration_minutes: int = 0
    place: str | None = None
    organiser: PartyAnswer = PartyAnswer()
    can: list[str] = Field(default_factory=list)


class _Shared(Answer):
    at: datetime
    what: str = ""
    from_name: str | None = None
    to_name: str | None = None


class _Sharing(Answer):
    items: list[_Shared]


class AppointmentService:
    """Implements AppointmentDesk."""

    def __init__(self, access: Access, registration_url: str) -> None:
        self._access = access
        self._url = registration_url.rstrip("/")

    async def between(self, member: Member, first: datetime, last: datetime) -> Sequence[Appointment]:
        params: dict[str, str | int] = {"from": instant(first), "to": instant(last), "limit": AGENDA_LIMIT}
        route = Route("registration", "GET", self._url, "/appointments")
        found: list[Appointment] = []
        for _ in range(AGENDA_PAGES_MAX):
            response = await self._access.call(route, member, params=params)
            part = read_as(_Appointments, json_object(response, "registration"), "registration")
            found += (one.appointment() for one in part.items)
            if not part.cursor or not part.items:
                break
            params["after"] = part.cursor
        return found

    async def read(self, member: Member, appointment_id: UUID) -> Appointment:
        response = await self._access.call(self._one("GET", appointment_id), member)
        return read_as(_Appointment, json_object(response, "registration"), "registration").appointment()

    async def offer(self, member: Member, body: Mapping[str, object], *, key: str) -> UUID:
        route = Route("registration", "POST", self._url, "/appointments")
        response = await self._access.call(route, member, **keyed(key, body))
        return read_as(_Appointment, json_object(response, "registration"), "registration").appointment_id

    async def command(
        self, member: Member, appointment_id: UUID, command: str, body: Mapping[str, object], *, key: str
    ) -> None:
        await self._access.call(self._one("POST", appointment_id, f"/{command}"), member, **keyed(key, body))

    def _one(self, method: str, appointment_id: UUID, rest: str = "") -> Route:
        template, path = f"/appointments/{{id}}{rest}", f"/appointments/{appointment_id}{rest}"
        return Route("registration", method, self._url, template, path)


class PersonLinks:
    """Implements PersonDesk."""

    def __init__(self, client: httpx.AsyncClient, registration_url: str) -> None:
        self._client = client
        self._url = registration_url.rstrip("/")

    async def read(self, token: str) -> OwnAppointment:
        found = read_as(_Own, await self._ask(token, "GET", "/person/appointment"), "registration")
        return OwnAppointment(
            found.first_name or "", found.status, found.starts_at, tuple(found.options), found.modality,
            found.duration_minutes, found.place or "", found.organiser.party(), tuple(found.can),
        )  # fmt: skip

    async def command(self, token: str, command: str, body: Mapping[str, object]) -> None:
        await self._ask(token, "POST", f"/person/appointment/{command}", json=dict(body))

    async def sharing(self, token: str) -> Sequence[Shared]:
        found = read_as(_Sharing, await self._ask(token, "GET", "/person/sharing"), "registration")
        return [Shared(one.at, one.what, one.from_name or "", one.to_name or "") for one in found.items]

    async def erase(self, token: str) -> None:
        await self._ask(token, "POST", "/person/erasure")

    async def _ask(self, token: str, method: str, path: str, **options: Any) -> dict[str, Any]:
        if not LINK.match(token):
            raise LinkUnknown
        route = Route("registration", method, self._url, path)
        try:
            response = await call(self._client, route, timeout=TIMEOUT, headers={LINK_HEADER: token}, **options)
        except Gone as gone:
            raise (LinkErased if gone.code == "erased" else LinkExpired) from None
        except (NotFound, AccessLost):
            raise LinkUnknown from None
        return json_object(response, "registration")
