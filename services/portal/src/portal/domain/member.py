"""Who is in front of the page: a member of one organisation, with that organisation's role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What an organisation does; with the member's role it decides which pages there are."""

    ASSOCIATION = "association"
    COUNCIL = "council"
    EMPLOYMENT_SERVICE = "employment_service"
    TRAINING_PROVIDER = "training_provider"
    OPERATOR = "operator"
    """Whoever runs the platform."""


PARTNERS = (Kind.ASSOCIATION, Kind.COUNCIL, Kind.EMPLOYMENT_SERVICE, Kind.TRAINING_PROVIDER)
"""The kinds that can ask to join."""

ROLES: Mapping[Kind, tuple[str, ...]] = {
    Kind.ASSOCIATION: ("volunteer", "caseworker", "manager"),
    Kind.COUNCIL: ("caseworker", "manager"),
    Kind.EMPLOYMENT_SERVICE: ("adviser", "manager"),
    Kind.TRAINING_PROVIDER: ("trainer", "manager"),
    Kind.OPERATOR: ("operator",),
}
"""The roles that pages offer for a member of each kind."""

MANAGER = "manager"
"""Who looks after an organisation's access, members and webhooks, and reads nobody's referral."""


class Section(StrEnum):
    """A part of the site."""

    REFERRALS = "referrals"
    ACCOMPANIMENTS = "accompaniments"
    AGENDA = "agenda"
    REQUESTS = "requests"
    ORGANISATIONS = "organisations"
    ACCESS = "access"
    MEMBERS = "members"
    WEBHOOKS = "webhooks"
    TYPES = "types"
    FILES = "files"


SECTIONS: Mapping[Kind, tuple[Section, ...]] = {
    Kind.ASSOCIATION: (Section.REFERRALS,),
    Kind.COUNCIL: (Section.REFERRALS, Section.ACCOMPANIMENTS, Section.AGENDA),
    Kind.EMPLOYMENT_SERVICE: (Section.ACCOMPANIMENTS, Section.AGENDA),
    Kind.TRAINING_PROVIDER: (),
    Kind.OPERATOR: (Section.REQUESTS, Section.ORGANISATIONS),
}
"""Which parts each kind of organisation has, where its work begins first. The others do not exist for it."""

MANAGED = (Section.ACCESS, Section.MEMBERS, Section.WEBHOOKS, Section.TYPES, Section.FILES)
"""Which parts a manager has instead."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the partners service knows them; `label` never is a real person's name on a demonstration."""

    member_id: UUID
    label: str
    organisation_code: str
    organisation_name: str
    kind: Kind
    role: str = ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The parts of the site that exist for this member; without any they are not offered at sign-in."""
        return MANAGED if self.role == MANAGER else SECTIONS[self.kind]

    @property
    def desk(self) -> str:
        """What the member's work is about, as the home page words it."""
        return MANAGER if self.role == MANAGER else self.kind.value


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `csrf` is what every form of this session must carry back."""

    member: Member
    csrf: str
    expires_at: datetime
