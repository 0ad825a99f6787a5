"""Routes that read enrolments. Nothing in them says who a person is, so nothing is audited."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from chassis.auth import Caller, require
from chassis.db import Tx
from chassis.problems import FieldError, Problem
from chassis.runtime import Runtime, runtime_of
from chassis.sentences import Said
from training.adapters.http import answers
from training.adapters.http.cursor import CHARACTERS_MAX, read_cursor, write_cursor
from training.adapters.http.refusals import CORRECT, refusals
from training.adapters.organisations import DirectoryOrganisations
from training.adapters.postgres.reading import PostgresDossiers
from training.app.read_enrolments import ListEnrolments, list_enrolments, quality, read_enrolment

PAGE_MAX = 100
PAGE_DEFAULT = 50

Concerned = Annotated[Caller, require("enrolments:act")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/enrolments")
    async def list_own(
        caller: Concerned,
        runtime: Parts,
        response: Response,
        session_id: UUID | None = None,
        accompaniment_id: UUID | None = None,
        after: Annotated[str | None, Query(max_length=CHARACTERS_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> dict[str, Any]:
        if session_id is None and accompaniment_id is None:
            said = Said("Indiquez session_id ou accompaniment_id.", "Give session_id or accompaniment_id.")
            raise Problem(422, "validation_failed", CORRECT, errors=[FieldError("session_id", said)])
        asked = ListEnrolments(caller.organisation_id, session_id, accompaniment_id, read_cursor(after), limit)
        response.headers["cache-control"] = "no-store"
        async with runtime.db.transaction() as tx:
            found = await list_enrolments(
                asked, dossiers=PostgresDossiers(tx), organisations=DirectoryOrganisations(tx)
            )
        return answers.enrolment_page(found, caller.organisation_id, write_cursor(found.following), runtime.clock.now())

    @router.get("/enrolments/{enrolment_id}")
    async def read_one(enrolment_id: UUID, caller: Concerned, runtime: Parts, response: Response) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        with refusals():
            async with runtime.db.transaction() as tx:
                return await answer_to(tx, enrolment_id, caller, runtime)

    return router


async def answer_to(tx: Tx, enrolment_id: UUID, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """Return the document of an enrolment that concerns the caller; raises NotFound to a third organisation."""
    found, concerned = await read_enrolment(
        enrolment_id,
        caller.organisation_id,
        dossiers=PostgresDossiers(tx),
        organisations=DirectoryOrganisations(tx),
    )
    by = quality(found, caller.organisation_id)
    return answers.enrolment(found, concerned, by, runtime.clock.now())
