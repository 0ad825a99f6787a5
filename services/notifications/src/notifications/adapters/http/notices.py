"""What operators see of notices: which, in what state, tried how; never to which address, nor what they said."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from chassis.auth import Caller, require
from chassis.problems import FieldError, Problem
from chassis.runtime import Runtime, runtime_of
from chassis.sentences import Said
from notifications.adapters.postgres.listing import page
from notifications.domain.states import State

PAGE_MAX = 100
PAGE_DEFAULT = 50
CURSOR_CHARACTERS_MAX = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME_BYTES = 8
_CORRECT = Said("Corrigez les champs indiqués.", "Correct the fields named.")

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]


def routes() -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get("/notices")
    async def list_notices(
        _: Operator,
        runtime: Parts,
        response: Response,
        state: State | None = None,
        after: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> dict[str, Any]:
        response.headers["cache-control"] = "no-store"
        position = read_cursor(after) if after else None
        async with runtime.db.transaction() as tx:
            found = await page(tx, state=state, after=position, limit=limit + 1)
        shown = found[:limit]
        more = len(found) > limit
        return {
            "items": shown,
            "cursor": write_cursor(shown[-1]["created_at"], shown[-1]["notice_id"]) if more else None,
        }

    return router


def write_cursor(created_at: datetime, notice_id: UUID) -> str:
    """Return where a list was left, as an opaque text."""
    microseconds = (created_at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(microseconds.to_bytes(_TIME_BYTES, "big") + notice_id.bytes).decode()


def read_cursor(text: str) -> tuple[datetime, UUID]:
    """Return the position, or raise a 422 Problem that names `after`."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        microseconds, id_ = raw[:_TIME_BYTES], raw[_TIME_BYTES:]
        return _EPOCH + int.from_bytes(microseconds, "big") * _MICROSECOND, UUID(bytes=id_)
    except (binascii.Error, ValueError, OverflowError):
        said = Said("Ce repère ne vient pas d’une de nos réponses.", "This cursor is not one of ours.")
        raise Problem(422, "validation_failed", _CORRECT, errors=[FieldError("after", said)]) from None
