"""Routes of members: an organisation manages its own, operators those of anybody, and the portal lists them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.auth import Caller, require
from partners.adapters.events import OutboxPublisher
from partners.adapters.http.owner import OPERATIONS, Owner, Parts, for_owners, owner_by, scope_missing
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.organisations import PostgresMembers, PostgresOrganisations
from partners.app.add_member import add_member
from partners.app.change_member import change_member, remove_member
from partners.domain.access import ACT_FOR_MEMBERS, MANAGE, Member, Role
from partners.domain.errors import NotFound
from partners.domain.organisation import PARTNERS, Kind, Organisation

Whose = Annotated[Owner, owner_by(MANAGE, PARTNERS | {Kind.OPERATOR})]
AnyCaller = Annotated[Caller, require()]
Code = Annotated[str, Path(pattern=r"^[a-z0-9]{2,20}$")]
MemberId = Annotated[UUID, Path()]


class MemberBody(BaseModel):
    """A post; the label names what it is, never who holds it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    role: Role
    label: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]


def member_routes() -> APIRouter:
    """Return the routes, under `/members` and under `/organisations/{code}/members`."""
    router = _lists()
    router.include_router(for_owners(_acts()))
    return router


def _lists() -> APIRouter:
    router = APIRouter()

    @router.get("/organisations/{code}/members")
    async def list_members(code: Code, caller: AnyCaller, runtime: Parts) -> dict[str, Any]:
        """List an organisation's members, for operators and for the portal."""
        if not caller.scopes & {OPERATIONS, ACT_FOR_MEMBERS}:
            raise scope_missing(OPERATIONS)
        async with refusals(), runtime.db.connection() as tx:
            if await PostgresOrganisations(tx).find(code) is None:
                raise NotFound
            return {"items": [_listed(*pair) for pair in await PostgresMembers(tx).of(code)]}

    @router.get("/members")
    async def list_own_members(caller: AnyCaller, runtime: Parts) -> dict[str, Any]:
        """List the caller's own members; to the portal, everybody it may act for."""
        if not caller.scopes & {MANAGE, ACT_FOR_MEMBERS}:
            raise scope_missing(MANAGE)
        code = None if ACT_FOR_MEMBERS in caller.scopes else caller.organisation_code
        async with runtime.db.connection() as tx:
            return {"items": [_listed(*pair) for pair in await PostgresMembers(tx).of(code)]}

    return router


def _acts() -> APIRouter:
    router = APIRouter()

    @router.post("/members")
    async def post_member(body: MemberBody, owner: Whose, runtime: Parts, response: Response) -> dict[str, Any]:
        """Add a member; the same label and role again is the same member."""
        async with refusals(), runtime.transaction() as tx:
            member, is_new = await add_member(
                PostgresOrganisations(tx), PostgresMembers(tx), owner.code, body.role, body.label, runtime.clock.now()
            )
            if is_new:
                await owner.note(tx, runtime, "member", member.member_id, "added")
        response.status_code = 201 if is_new else 200
        return _document(member)

    @router.put("/members/{member_id}")
    async def put_member(member_id: MemberId, body: MemberBody, owner: Whose, runtime: Parts) -> dict[str, Any]:
        """Give a member another role or label; tokens of another role are refused everywhere within seconds."""
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            member = await change_member(
                PostgresOrganisations(tx), PostgresMembers(tx), OutboxPublisher(tx, at), owner.code,
                (member_id, body.role, body.label), by_itself=owner.by_itself, at=at,
            )  # fmt: skip
            await owner.note(tx, runtime, "member", member_id, "changed")
        return _document(member)

    @router.delete("/members/{member_id}", status_code=204)
    async def delete_member(member_id: MemberId, owner: Whose, runtime: Parts) -> None:
        """Let a member go; their tokens are refused everywhere within seconds."""
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            await remove_member(
                PostgresOrganisations(tx), PostgresMembers(tx), OutboxPublisher(tx, at), owner.code, member_id,
                by_itself=owner.by_itself, at=at,
            )  # fmt: skip
            await owner.note(tx, runtime, "member", member_id, "removed")

    return router


def _document(member: Member) -> dict[str, Any]:
    return {"member_id": str(member.member_id), "role": member.role.value, "label": member.label}


def _listed(member: Member, organisation: Organisation) -> dict[str, Any]:
    return {
        **_document(member),
        "organisation": {
            "organisation_id": str(organisation.organisation_id),
            "code": organisation.code,
            "name": organisation.details.name,
            "kind": organisation.kind.value,
        },
    }
