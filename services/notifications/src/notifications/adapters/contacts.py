"""The claim check: asking how to reach the recipients of a batch, when their notices are sent.

One question for a batch: to registration for persons, to partners for those who ask to join; audited there under the
purpose `notice`. The answer lives as long as the batch and
is printed by nothing. Whatever is not an answer is DependencyDown: the notices wait, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from chassis.errors import DependencyDown, Permanent
from chassis.service_client import Gone
from notifications.app.ports import Contact, Meeting

PATH = "/claims/contacts"
PURPOSE = "notice"


class Asks(Protocol):
    """Whoever can ask another service: chassis.service_client.ServiceClient."""

    async def get_json(self, path: str, params: list[tuple[str, str]], purpose: str) -> object: ...

    async def close(self) -> None: ...


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # An answer says who somebody is: never printed.
        return ()


class _Meeting(_Answer):
    status: str
    starts_at: AwareDatetime | None = None
    place: str | None = None
    modality: str | None = None
    version: int | None = None

    def meeting(self) -> Meeting:
        at: datetime | None = self.starts_at
        return Meeting(self.status, at, self.place, self.modality, self.version)


class _Contact(_Answer):
    subject_ref: UUID
    version: int
    gone: bool
    first_name: str | None = None
    language: str = "fr"
    phone: str | None = None
    email: str | None = None
    opt_outs: list[str] = []
    links: dict[UUID, str] = {}
    appointments: dict[UUID, _Meeting] = {}

    def contact(self) -> Contact:
        return Contact(
            version=self.version,
            gone=self.gone,
            first_name=self.first_name,
            language=self.language,
            phone=self.phone,
            email=self.email,
            opt_outs=frozenset(self.opt_outs),
            links=self.links,
            meetings={appointment_id: found.meeting() for appointment_id, found in self.appointments.items()},
        )


class _Contacts(_Answer):
    items: list[_Contact]


class RegistrationContacts:
    """Fetches the contacts of a batch."""

    def __init__(self, registration: Asks) -> None:
        self._registration = registration

    async def close(self) -> None:
        """Close the connections to registration."""
        await self._registration.close()

    async def ask(self, persons: Collection[UUID], appointments: Collection[UUID]) -> Mapping[UUID, Contact]:
        """Return who is known, by reference; raises DependencyDown when that cannot be said now."""
        if not persons:
            return {}
        params = [("id", str(id_)) for id_ in sorted(persons)]
        params += [("appointment", str(id_)) for id_ in sorted(appointments)]
        return _read(await _asked(self._registration, PATH, params))


APPLICANTS_PATH = "/claims/join-requests"


class _Applicant(_Answer):
    join_request_id: UUID
    version: int
    gone: bool
    language: str = "fr"
    email: str | None = None
    link: str | None = None

    def contact(self) -> Contact:
        links = {} if self.link is None else {self.join_request_id: self.link}
        return Contact(self.version, self.gone, language=self.language, email=self.email, links=links)


class _Applicants(_Answer):
    items: list[_Applicant]


class PartnersApplicants:
    """Fetches where the mails of requests to join go."""

    def __init__(self, partners: Asks) -> None:
        self._partners = partners

    async def close(self) -> None:
        """Close the connections to partners."""
        await self._partners.close()

    async def ask(self, join_requests: Collection[UUID]) -> Mapping[UUID, Contact]:
        """Return what is known, by request; raises DependencyDown when that cannot be said now."""
        if not join_requests:
            return {}
        answer = await _asked(self._partners, APPLICANTS_PATH, [("id", str(id_)) for id_ in sorted(join_requests)])
        try:
            return {found.join_request_id: found.contact() for found in _Applicants.model_validate(answer).items}
        except ValidationError:
            pass
        raise DependencyDown(f"GET {APPLICANTS_PATH} answered something else than contacts")


async def _asked(service: Asks, path: str, params: list[tuple[str, str]]) -> object:
    try:
        return await service.get_json(path, params, PURPOSE)
    except (Permanent, Gone) as error:
        # The question is ours and holds ids only: a refusal of it is a fault of one of us, not of a notice.
        raise DependencyDown(f"GET {path} is refused ({type(error).__name__})") from None


def _read(answer: object) -> Mapping[UUID, Contact]:
    try:
        return {found.subject_ref: found.contact() for found in _Contacts.model_validate(answer).items}
    except ValidationError:
        pass
    # Raised outside the handler: the context of an exception must hold no answer.
    raise DependencyDown(f"GET {PATH} answered something else than contacts")
