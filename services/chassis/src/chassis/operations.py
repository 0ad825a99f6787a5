"""Routes for operators of any service: dead letters, listed without their bytes, and requeued."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from chassis import dead_letters
from chassis.auth import Caller, require
from chassis.problems import Problem
from chassis.requeue import requeue
from chassis.runtime import Runtime, runtime_of

router = APIRouter(prefix="/operations", include_in_schema=False)

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]


@router.get("/dead-letters")
async def list_dead_letters(
    _: Operator, runtime: Parts, after: int = 0, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """List what waits: where it was read, its type, its cause, how often it was tried."""
    async with runtime.background_db.transaction() as tx:
        return {"items": await dead_letters.list_letters(tx, after, limit)}


@router.post("/dead-letters/{letter_id}/requeue")
async def requeue_dead_letter(letter_id: int, _: Operator, runtime: Parts) -> dict[str, Any]:
    """Handle a dead letter again, and what waits behind it; 404 when there is no such letter."""
    async with runtime.background_db.transaction() as tx:
        consumer = await tx.fetchval("SELECT consumer FROM dead_letters WHERE id = $1", letter_id)
    for processor in runtime.processors:
        if processor.consumer == consumer:
            outcome = await requeue(processor, runtime.background_db, letter_id)
            runtime.doorbell.ring()
            return {"handled": outcome.handled, "stopped_by": outcome.stopped_by}
    raise Problem(404, "not_found", "There is no such dead letter")
