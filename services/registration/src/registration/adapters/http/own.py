"""What a person does by signed link, without an account: their appointment, and what was shared with whom.

The token comes in the header Maillage-Link and is never in a path, a query, a log or a span. No key makes a repeat safe
here: what was done already is refused, and nothing is stored of who asked.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from registration.adapters.http import answers
from registration.adapters.http.bodies import (
    BookingBody,
    CancellationBody,
    PostponementBody,
    cancellation,
    postponement,
)
from registration.adapters.http.refusals import refusals
from registration.adapters.links import HEADER, SignedLinks
from registration.adapters.organisations import DirectoryOrganisations
from registration.adapters.postgres.agenda import PostgresAgenda
from registration.adapters.postgres.appointments import PostgresAppointments
from registration.adapters.postgres.sharings import PostgresSharings
from registration.app.open_link import change_own_appointment, read_own_appointment, read_own_sharing
from registration.domain.appointment import Ask


def _token_of(request: Request, response: Response) -> str:
    response.headers["cache-control"] = "no-store"
    # Not a parameter of FastAPI's: nothing may describe, validate or repeat it.
    return request.headers.get(HEADER, "")


Token = Annotated[str, Depends(_token_of)]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/person")
    links = SignedLinks(vault)

    @router.get("/appointment")
    async def read(token: Token, runtime: Parts) -> dict[str, Any]:
        now = runtime.clock.now()
        with refusals():
            async with runtime.db.transaction() as tx:
                own = await read_own_appointment(token, links=links, agenda=PostgresAgenda(tx, vault), now=now)
                organisations = await DirectoryOrganisations(tx).named([own.entry.appointment.organiser_id])
        return answers.own_appointment(own, organisations, now)

    @router.post("/appointment/booking")
    async def book(token: Token, runtime: Parts, body: BookingBody) -> dict[str, Any]:
        return await _change(token, runtime, vault, links, body.ask())

    @router.post("/appointment/postponement")
    async def postpone(token: Token, runtime: Parts, body: PostponementBody | None = None) -> dict[str, Any]:
        return await _change(token, runtime, vault, links, postponement(body))

    @router.post("/appointment/cancellation")
    async def cancel(token: Token, runtime: Parts, body: CancellationBody | None = None) -> dict[str, Any]:
        return await _change(token, runtime, vault, links, cancellation(body))

    @router.get("/sharing")
    async def shared(token: Token, runtime: Parts) -> dict[str, Any]:
        with refusals():
            async with runtime.db.transaction() as tx:
                found = await read_own_sharing(
                    token,
                    links=links,
                    agenda=PostgresAgenda(tx, vault),
                    sharings=PostgresSharings(tx),
                    now=runtime.clock.now(),
                )
                parties = {id_ for one in found for id_ in (*one.from_ids, one.to_id)}
                organisations = await DirectoryOrganisations(tx).named(parties)
        return answers.own_sharing(found, organisations)

    return router


async def _change(token: str, runtime: Runtime, vault: Vault, links: SignedLinks, ask: Ask) -> dict[str, Any]:
    now = runtime.clock.now()
    with refusals():
        async with runtime.transaction() as tx:
            own = await change_own_appointment(
                token,
                ask,
                links=links,
                appointments=PostgresAppointments(tx, vault),
                agenda=PostgresAgenda(tx, vault),
                now=now,
            )
            organisations = await DirectoryOrganisations(tx).named([own.entry.appointment.organiser_id])
    return answers.own_appointment(own, organisations, now)
