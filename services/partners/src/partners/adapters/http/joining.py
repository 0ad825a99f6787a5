"""Routes for whoever asks to join: without a token, by the link of their mail.

The link comes in a header, so that no address, log or span of ours holds it. Requests are bounded by where they come
from; the portal, which asks for many, says which visitor it asks for.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.clock import Clock
from chassis.db import Tx
from chassis.idempotency import Attempt, body_hmac, required_key
from chassis.runtime import Runtime
from partners.adapters.http.join_documents import (
    JoinBody,
    access_document,
    request_document,
    shown_document,
    test_event_document,
)
from partners.adapters.http.joining_desk import JoiningDesk
from partners.adapters.http.owner import Parts
from partners.adapters.http.refusals import refusals
from partners.adapters.join_events import OutboxJoinPublisher, SyntheticEvents
from partners.adapters.postgres.clients import PostgresClients
from partners.adapters.postgres.kafka_accesses import PostgresKafkaAccesses
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.postgres.streams import PostgresStreams
from partners.adapters.throttle import Throttle
from partners.app.ask_to_join import ask_to_join
from partners.app.confirm_join_request import confirm_join_request
from partners.app.send_test_event import send_test_event
from partners.app.show_credentials import show_credentials
from partners.domain.access import ACT_FOR_MEMBERS
from partners.domain.errors import LinkUnknown

ROUTE: Final = "POST /join-requests"
ASKED_MOST: Final = 30
ASKED_WITHIN: Final = timedelta(hours=1)
"""Of one address: a département that tries things out is far below, and a flood is not worth its while."""

Link = Annotated[str, Header(alias="maillage-join", min_length=1, max_length=200)]
Visitor = Annotated[str | None, Header(alias="maillage-visitor", pattern=r"^[0-9a-f]{16}$")]
Key = Annotated[str, Depends(required_key)]


def asked_by(clock: Clock) -> Throttle:
    """Return the count of requests by where they come from."""
    return Throttle(clock, ASKED_MOST, ASKED_WITHIN)


def joining_routes(desk: JoiningDesk) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    for routes in (_asking(desk), _link(desk), _credentials(desk)):
        router.include_router(routes)
    return router


def _asking(desk: JoiningDesk) -> APIRouter:
    router = APIRouter()

    @router.post("/join-requests", status_code=201)
    async def post_join_request(
        request: Request, body: JoinBody, key: Key, runtime: Parts, visitor: Visitor = None
    ) -> Any:
        """Ask to join; a link goes to the address given."""
        asker = await _asker(request, runtime, visitor)
        desk.spare(asker)
        attempt = Attempt(asker, ROUTE, key, body_hmac(desk.vault, await request.json()))
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            replay = await idempotency.claim(tx, attempt, now=at)
            if replay is not None:
                return replay.response()
            asked = await ask_to_join(
                desk.requests(tx), OutboxJoinPublisher(tx, at), body.applicant(), body.contact_email, at
            )
            answer = {"join_request_id": str(asked.join_request_id), "state": asked.state.value}
            await idempotency.remember(tx, attempt, now=at, status=201, body=answer, resource_id=asked.join_request_id)
        return JSONResponse(answer, 201)

    return router


def _link(desk: JoiningDesk) -> APIRouter:
    router = APIRouter()

    @router.get("/join-request")
    async def get_join_request(link: Link, runtime: Parts, request: Request, response: Response) -> dict[str, Any]:
        """Show where a request stands."""
        response.headers["cache-control"] = "no-store"
        async with refusals(), runtime.db.connection() as tx:
            return await _shown(desk, tx, link, request, runtime.clock.now())

    @router.post("/join-request/confirmation")
    async def confirm(link: Link, runtime: Parts, request: Request, response: Response) -> dict[str, Any]:
        """Confirm the address by its link; again changes nothing."""
        response.headers["cache-control"] = "no-store"
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            await confirm_join_request(desk.answering(tx, at), link, at)
            return await _shown(desk, tx, link, request, at)

    @router.post("/join-request/test-event", status_code=202)
    async def test_event(link: Link, runtime: Parts) -> dict[str, Any]:
        """Put a synthetic event in the organisation's own stream."""
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            row = await send_test_event(desk.requests(tx), PostgresStreams(tx), SyntheticEvents(), link, at)
        return test_event_document(row.event_id, row.ce_type, row.payload, row.position, at)

    return router


def _credentials(desk: JoiningDesk) -> APIRouter:
    router = APIRouter()

    @router.post("/join-request/credentials")
    async def credentials(link: Link, runtime: Parts, request: Request, response: Response) -> dict[str, Any]:
        """Make the first credentials and show them, once."""
        response.headers["cache-control"] = "no-store"
        at = runtime.clock.now()
        async with refusals(), runtime.transaction() as tx:
            accesses = PostgresKafkaAccesses(tx, desk.vault) if desk.listener.bootstrap else None
            shown = await show_credentials(
                desk.requests(tx), PostgresOrganisations(tx), PostgresClients(tx), accesses, link, at
            )
        desk.wake()
        return shown_document(shown, desk.public_url(request), desk.listener)

    return router


async def _shown(desk: JoiningDesk, tx: Tx, link: str, request: Request, at: datetime) -> dict[str, Any]:
    requests = desk.requests(tx)
    found = await requests.find_by_link(link)
    if found is None:
        raise LinkUnknown
    organisation = None
    if found.organisation_id is not None:
        organisation = await PostgresOrganisations(tx).of_id(found.organisation_id)
    document = request_document(found, organisation, at)
    if organisation is None:
        return document
    access = None
    if desk.listener.bootstrap:
        access = await PostgresKafkaAccesses(tx, desk.vault).find(organisation.code)
    events = await requests.test_events(found)
    return {
        **document,
        "access": access_document(found, organisation, access, desk.public_url(request), desk.listener),
        "test_events": [test_event_document(*event) for event in events],
    }


async def _asker(request: Request, runtime: Runtime, visitor: str | None) -> str:
    """Return a name for where a request comes from; the portal's visitors are told apart by what it says of them."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if visitor is not None and scheme.lower() == "bearer" and token:
        caller = await runtime.tokens.verify(token.strip())
        if ACT_FOR_MEMBERS in caller.scopes:
            return f"join/visitor/{visitor}"
    peer = request.client.host if request.client else ""
    return f"join/{hashlib.blake2b(peer.encode(), digest_size=8).hexdigest()}"
