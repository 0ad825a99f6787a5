"""Add a post that signs in for an organisation; the same label and role again is the same member."""

from __future__ import annotations

from datetime import datetime

from chassis.ids import new_id
from partners.app.ports import Members, Organisations
from partners.domain.access import Member, Role, roles_of
from partners.domain.errors import LabelTaken, NotFound, RoleNotAllowed


async def add_member(
    organisations: Organisations, members: Members, code: str, role: Role, label: str, at: datetime
) -> tuple[Member, bool]:
    """Return the member, and whether they are new."""
    organisation = await organisations.find(code)
    if organisation is None or not roles_of(organisation.kind):
        raise NotFound
    if role not in roles_of(organisation.kind):
        raise RoleNotAllowed
    wanted = Member(new_id(), organisation.organisation_id, role, label, new_id())
    member = await members.add(wanted, at)
    if member.role is not role:
        raise LabelTaken
    return member, member.member_id == wanted.member_id
