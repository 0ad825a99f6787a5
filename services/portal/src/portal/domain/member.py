"""Who is in front of the page: a member of one organisation, with that organisation's role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What an organisation does; decides which pages it has. Kinds without pages yet are not offered at sign-in."""

    ASSOCIATION = "association"
    COUNCIL = "council"
    EMPLOYMENT_SERVICE = "employment_service"


class Section(StrEnum):
    """A part of the site."""

    REFERRALS = "referrals"
    ACCOMPANIMENTS = "accompaniments"
    AGENDA = "agenda"


SECTIONS: Mapping[Kind, tuple[Section, ...]] = {
    Kind.ASSOCIATION: (Section.REFERRALS,),
    Kind.COUNCIL: (Section.REFERRALS, Section.ACCOMPANIMENTS, Section.AGENDA),
    Kind.EMPLOYMENT_SERVICE: (Section.ACCOMPANIMENTS, Section.AGENDA),
}
"""Which parts each kind of organisation has, where its work begins first. The others do not exist for it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the partners service knows them; `label` never is a real person's name on a demonstration."""

    member_id: UUID
    label: str
    organisation_code: str
    organisation_name: str
    kind: Kind

    @property
    def sections(self) -> tuple[Section, ...]:
        return SECTIONS[self.kind]


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `csrf` is what every form of this session must carry back."""

    member: Member
    csrf: str
    expires_at: datetime
