"""Give a member another role or label, or let them go; tokens of the former role are refused everywhere by event.

The organisation's row is locked first: of two managers who remove each other at once, one is refused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.ids import new_id
from partners.app.ports import Members, Organisations, Publisher
from partners.domain.access import Member, Role, roles_of
from partners.domain.errors import LabelTaken, NoManagerLeft, NotFound, RoleNotAllowed
from partners.domain.organisation import Organisation


async def change_member(
    organisations: Organisations,
    members: Members,
    publisher: Publisher,
    code: str,
    changed: tuple[UUID, Role, str],
    *,
    by_itself: bool,
    at: datetime,
) -> Member:
    """Make the member what is asked; the same again changes nothing.

    `by_itself`: asked by the organisation, which may not lose its last manager. Raises NotFound, LabelTaken,
    RoleNotAllowed, NoManagerLeft.
    """
    member_id, role, label = changed
    organisation, member = await _locked(organisations, members, code, member_id)
    if role not in roles_of(organisation.kind):
        raise RoleNotAllowed
    if (member.role, member.label) == (role, label):
        return member
    if await members.another_has(member, label):
        raise LabelTaken
    if member.role is role:
        renamed = replace(member, label=label)
        await members.save(renamed)
        return renamed
    await _keep_a_manager(members, member, by_itself=by_itself)
    moved = replace(member, role=role, label=label, grant_id=new_id())
    await members.save(moved)
    await _end(organisations, publisher, organisation, member, at)
    return moved


async def remove_member(
    organisations: Organisations,
    members: Members,
    publisher: Publisher,
    code: str,
    member_id: UUID,
    *,
    by_itself: bool,
    at: datetime,
) -> None:
    """Let a member go. Raises NotFound, NoManagerLeft."""
    organisation, member = await _locked(organisations, members, code, member_id)
    await _keep_a_manager(members, member, by_itself=by_itself)
    await members.remove(member_id)
    await _end(organisations, publisher, organisation, member, at)


async def _locked(
    organisations: Organisations, members: Members, code: str, member_id: UUID
) -> tuple[Organisation, Member]:
    organisation = await organisations.lock(code)
    found = None if organisation is None else await members.find(member_id)
    if organisation is None or found is None or found[0].organisation_id != organisation.organisation_id:
        raise NotFound
    return organisation, found[0]


async def _keep_a_manager(members: Members, member: Member, *, by_itself: bool) -> None:
    if by_itself and member.role is Role.MANAGER and await members.count(member.organisation_id, Role.MANAGER) == 1:
        raise NoManagerLeft


async def _end(
    organisations: Organisations, publisher: Publisher, organisation: Organisation, member: Member, at: datetime
) -> None:
    changed, fact = organisation.end_access(member.grant_id, at)
    await organisations.save(changed)
    await publisher.publish(fact, event_id=new_id())
