"""Answer a request to join: let the organisation take part, or say why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.ids import new_id
from partners.app.joining_ports import JoinDesk
from partners.app.register_organisation import register_organisation
from partners.domain.access import Member, Role
from partners.domain.errors import CodeTaken, JoinState, NotFound
from partners.domain.join_request import JoinRequest, JoinRequestState
from partners.domain.organisation import Details, Organisation, Territory

FIRST_MEMBER = {"fr": "Responsable des accès", "en": "Access manager"}
"""The post that can sign in from the first day, and makes the others."""


async def approve_join_request(
    desk: JoinDesk, join_request_id: UUID, code: str, at: datetime
) -> tuple[JoinRequest, Organisation]:
    """Approve a confirmed request under this code; the same approval again changes nothing.

    Raises CodeTaken, JurisdictionTaken, InvalidTerritory where a place has changed since, JoinState, NotFound.
    """
    request = await desk.requests.lock(join_request_id)
    if request is None:
        raise NotFound
    if request.state is JoinRequestState.APPROVED:
        organisation = await desk.desk.organisations.find(code)
        if organisation is None or organisation.organisation_id != request.organisation_id:
            raise JoinState
        return request, organisation
    return await let_in(desk, request, code, at)


async def let_in(desk: JoinDesk, request: JoinRequest, code: str, at: datetime) -> tuple[JoinRequest, Organisation]:
    """Register the organisation of a locked request, with the member who manages its access."""
    # Inside the gate nobody else registers: a code that is free now is free until the commit.
    await desk.desk.streams.enter_gate(alone=True)
    if await desk.desk.organisations.find(code) is not None:
        raise CodeTaken
    applicant = request.applicant
    organisation, _ = await register_organisation(desk.desk, code, applicant.kind, _details(request), at)
    approved, fact = request.approve(organisation.organisation_id, at)
    label = FIRST_MEMBER[applicant.language]
    await desk.members.add(Member(new_id(), organisation.organisation_id, Role.MANAGER, label, new_id()), at)
    await desk.requests.save(approved)
    await desk.publisher.publish(fact)
    return approved, organisation


def _details(request: JoinRequest) -> Details:
    details = request.applicant.details
    # Nobody has verified who asks for the sandbox: no real event may be theirs to see.
    return replace(details, territory=Territory()) if request.applicant.sandbox else details


async def refuse_join_request(desk: JoinDesk, join_request_id: UUID, reason: str, at: datetime) -> JoinRequest:
    """Refuse an open request; refusing again changes nothing, the first reason stays."""
    request = await desk.requests.lock(join_request_id)
    if request is None:
        raise NotFound
    if request.state is JoinRequestState.REFUSED:
        return request
    refused, fact = request.refuse(reason, at)
    await desk.requests.save(refused)
    await desk.publisher.publish(fact)
    return refused
