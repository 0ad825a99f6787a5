"""Who is in front of the page: a member of one organisation, with that organisation's role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What an organisation does with referrals; decides which pages it has."""

    ASSOCIATION = "association"
    COUNCIL = "council"


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the partners service knows them; `label` never is a real person's name on a demonstration."""

    member_id: UUID
    label: str
    organisation_code: str
    organisation_name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `csrf` is what every form of this session must carry back."""

    member: Member
    csrf: str
    expires_at: datetime
