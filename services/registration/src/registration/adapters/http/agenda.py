"""Routes that read appointments: an organisation's agenda, and one in full. Readings of names are audited."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from registration.adapters.http import answers
from registration.adapters.http.bodies import Instant
from registration.adapters.http.cursor import read_cursor, write_cursor
from registration.adapters.http.refusals import refusals
from registration.adapters.organisations import DirectoryOrganisations
from registration.adapters.postgres.agenda import PostgresAgenda
from registration.adapters.reads import APPOINTMENT, AuditedReads, refusals_recorded
from registration.app.list_appointments import list_appointments
from registration.app.ports import Span
from registration.app.read_appointment import read_appointment

PAGE_MAX = 100
PAGE_DEFAULT = 50
CURSOR_CHARACTERS_MAX = 100

LIST_PURPOSE = "appointments.list"
READ_PURPOSE = "appointments.read"

Pair = Annotated[Caller, require("appointments:act")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes(vault: Vault) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/appointments")
    async def list_own(
        caller: Pair,
        runtime: Parts,
        response: Response,
        since: Annotated[Instant | None, Query(alias="from")] = None,
        until: Annotated[Instant | None, Query(alias="to")] = None,
        accompaniment_id: UUID | None = None,
        after: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> dict[str, Any]:
        span = Span(
            organisation_id=caller.organisation_id,
            is_council=caller.organisation_kind == "council",
            since=since,
            until=until,
            accompaniment_id=accompaniment_id,
            after=read_cursor(after) if after else None,
        )
        now = runtime.clock.now()
        response.headers["cache-control"] = "no-store"
        async with runtime.db.transaction() as tx:
            page = await list_appointments(
                span,
                limit,
                agenda=PostgresAgenda(tx, vault),
                organisations=DirectoryOrganisations(tx),
                audit=AuditedReads(tx, caller, APPOINTMENT, LIST_PURPOSE, runtime.clock),
                now=now,
            )
        return {
            "items": [
                answers.entry(one, page.organisers, one.appointment.quality_of(caller.organisation_id), now)
                for one in page.entries
            ],
            "cursor": None if page.following is None else write_cursor(page.following),
        }

    @router.get("/appointments/{appointment_id}")
    async def read_one(appointment_id: UUID, caller: Pair, runtime: Parts, response: Response) -> dict[str, Any]:
        now = runtime.clock.now()
        response.headers["cache-control"] = "no-store"
        recorded = refusals_recorded(runtime, caller, APPOINTMENT, READ_PURPOSE, appointment_id)
        with refusals():
            async with recorded, runtime.db.transaction() as tx:
                found, organisers = await read_appointment(
                    appointment_id,
                    caller.organisation_id,
                    agenda=PostgresAgenda(tx, vault),
                    organisations=DirectoryOrganisations(tx),
                    audit=AuditedReads(tx, caller, APPOINTMENT, READ_PURPOSE, runtime.clock),
                    now=now,
                )
        by = found.appointment.quality_of(caller.organisation_id)
        return answers.entry(found, organisers, by, now)

    return router
