"""Routes for operators, who answer requests to join; and the claim check of whoever writes the mails."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response

from chassis.audit import Read, record_reads
from chassis.auth import Caller, require
from chassis.db import Tx
from chassis.runtime import Runtime
from partners.adapters.http.join_documents import ApprovalBody, RefusalBody, listed_document
from partners.adapters.http.joining_desk import JoiningDesk
from partners.adapters.http.owner import Parts
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.app.answer_join_request import approve_join_request, refuse_join_request
from partners.app.joining_ports import Reachable
from partners.domain.errors import NotFound
from partners.domain.join_request import JoinRequestState

RECORD: Final = "join_request"
LIMIT_MAX = 500
IDS_MAX = 100
"""Of requests in one claim check (architecture §4.6)."""

Operator = Annotated[Caller, require("operations")]
Service = Annotated[Caller, require("claims:read")]
Purpose = Annotated[str, Header(alias="maillage-purpose", pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
RequestId = Annotated[UUID, Path()]


def join_request_routes(desk: JoiningDesk) -> APIRouter:
    """Return the routes."""
    router = _answering(desk)
    router.include_router(_claims(desk))

    @router.get("/join-requests")
    async def list_join_requests(
        _: Operator,
        runtime: Parts,
        state: JoinRequestState | None = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    ) -> dict[str, Any]:
        """List requests, those that wait longest first."""
        async with runtime.db.connection() as tx:
            found = await desk.requests(tx).in_state(state, limit)
            codes = await PostgresOrganisations(tx).codes([one.organisation_id for one in found])
        return {"items": [listed_document(one, codes.get(one.organisation_id)) for one in found]}

    @router.get("/join-requests/{join_request_id}")
    async def show_join_request(join_request_id: RequestId, _: Operator, runtime: Parts) -> dict[str, Any]:
        """Show one request, as the list does."""
        async with refusals(), runtime.db.connection() as tx:
            found = await desk.requests(tx).find(join_request_id)
            if found is None:
                raise NotFound
            codes = await PostgresOrganisations(tx).codes([found.organisation_id])
        return listed_document(found, codes.get(found.organisation_id))

    return router


def _answering(desk: JoiningDesk) -> APIRouter:
    router = APIRouter()

    @router.post("/join-requests/{join_request_id}/approval")
    async def approve(
        join_request_id: RequestId, body: ApprovalBody, caller: Operator, runtime: Parts
    ) -> dict[str, Any]:
        """Let the organisation take part under this code; the same again changes nothing."""
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            request, organisation = await approve_join_request(desk.answering(tx, at), join_request_id, body.code, at)
            await _note(tx, runtime, caller, join_request_id, "approved")
        return listed_document(request, organisation.code)

    @router.post("/join-requests/{join_request_id}/refusal")
    async def refuse(join_request_id: RequestId, body: RefusalBody, caller: Operator, runtime: Parts) -> dict[str, Any]:
        """Refuse; the reason is shown to whoever asked."""
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            request = await refuse_join_request(desk.answering(tx, at), join_request_id, body.reason, at)
            await _note(tx, runtime, caller, join_request_id, "refused")
        return listed_document(request, None)

    return router


async def _note(tx: Tx, runtime: Runtime, caller: Caller, join_request_id: UUID, what: str) -> None:
    read = Read(caller.subject, caller.organisation_id, RECORD, join_request_id, f"{RECORD}.{what}")
    await record_reads(tx, [read], runtime.clock)


def _claims(desk: JoiningDesk) -> APIRouter:
    router = APIRouter()

    @router.get("/claims/join-requests")
    async def claim(
        caller: Service,
        runtime: Parts,
        response: Response,
        purpose: Purpose,
        id: Annotated[list[UUID], Query(min_length=1, max_length=IDS_MAX)],
    ) -> dict[str, Any]:
        """Say whom the mails of these requests go to; every answer is an audit row."""
        response.headers["cache-control"] = "no-store"
        async with runtime.background_db.transaction() as tx:
            found = await desk.requests(tx).reachable(id)
            reads = [
                Read(caller.subject, caller.organisation_id, RECORD, one.request.join_request_id, purpose)
                for one in found
                if one.contact is not None
            ]
            await record_reads(tx, reads, runtime.clock)
        return {"items": [_reachable(one) for one in found]}

    return router


def _reachable(one: Reachable) -> dict[str, Any]:
    request, contact = one.request, one.contact
    return {
        "join_request_id": str(request.join_request_id),
        "version": request.version,
        "state": request.state.value,
        "language": request.applicant.language,
        "gone": contact is None,
        "email": None if contact is None else contact.email,
        "link": None if contact is None else contact.link,
    }
