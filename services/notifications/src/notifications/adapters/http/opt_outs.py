"""Channels that a person does not want, as an operator is told of it by telephone or by letter."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from chassis.auth import Caller, require
from chassis.runtime import Runtime, runtime_of
from notifications.adapters.postgres.opt_outs import PostgresOptOuts

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Channel = Literal["email", "sms"]


def routes() -> APIRouter:
    """Return the routes; both may be repeated."""
    router = APIRouter()

    @router.put("/opt-outs/{subject_ref}/{channel}", status_code=204)
    async def opt_out(subject_ref: UUID, channel: Channel, _: Operator, runtime: Parts) -> Response:
        async with runtime.db.transaction() as tx:
            await PostgresOptOuts(tx).put(subject_ref, channel, runtime.clock.now())
        return Response(status_code=204)

    @router.delete("/opt-outs/{subject_ref}/{channel}", status_code=204)
    async def opt_in(subject_ref: UUID, channel: Channel, _: Operator, runtime: Parts) -> Response:
        async with runtime.db.transaction() as tx:
            await PostgresOptOuts(tx).remove(subject_ref, channel)
        return Response(status_code=204)

    return router
