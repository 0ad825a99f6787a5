"""Routes for operators of any service: dead letters, and events that Kafka refused, listed without their bytes.

Each can be handled or sent again, in order with what waits behind it.
"""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import Base64Bytes, BaseModel, ConfigDict

from chassis import dead_letters
from chassis.auth import Caller, require
from chassis.problems import Problem
from chassis.relay import unpark
from chassis.requeue import requeue
from chassis.runtime import Runtime, runtime_of

log = structlog.get_logger(__name__)
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


class Correction(BaseModel):
    """What replaces the bytes of a dead letter, when they were what was wrong."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: Base64Bytes


class ParkedKey(BaseModel):
    """A key whose events wait behind one that Kafka refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    topic: str
    key: str


@router.post("/dead-letters/{letter_id}/requeue")
async def requeue_dead_letter(
    letter_id: int, _: Operator, runtime: Parts, correction: Correction | None = None
) -> dict[str, Any]:
    """Handle a dead letter again, and what waits behind it; 404 when there is no such letter."""
    async with runtime.background_db.transaction() as tx:
        consumer = await tx.fetchval("SELECT consumer FROM dead_letters WHERE id = $1", letter_id)
    for processor in runtime.processors:
        if processor.consumer == consumer:
            value = correction.value if correction is not None else None
            outcome = await requeue(processor, runtime.background_db, letter_id, value=value)
            log.info("dead_letter_requeued", letter_id=letter_id, outcome="corrected" if value else "as it was")
            runtime.doorbell.ring()
            return {"handled": outcome.handled, "stopped_by": outcome.stopped_by}
    raise Problem(404, "not_found", "There is no such dead letter")


# One line a key: the refused event, how many wait behind it, since when. outbox_parked_key orders.
PARKED = """
SELECT DISTINCT ON (aggregatetype, aggregateid) aggregatetype AS topic, aggregateid AS key, id AS event_id, type, cause,
    parked_at, count(*) OVER (PARTITION BY aggregatetype, aggregateid) AS events
FROM outbox_parked ORDER BY aggregatetype, aggregateid, position LIMIT 500
"""


@router.get("/parked-events")
async def list_parked_events(_: Operator, runtime: Parts) -> dict[str, Any]:
    """List the keys that wait behind an event that Kafka refused for good."""
    async with runtime.background_db.transaction() as tx:
        return {"items": [dict(row) for row in await tx.fetch(PARKED)]}


@router.post("/parked-events/release", status_code=202)
async def release_parked_events(parked: ParkedKey, _: Operator, runtime: Parts) -> dict[str, Any]:
    """Send a parked key's events again, once what made Kafka refuse is mended; refused again, they are parked again."""
    await unpark(runtime.background_db, parked.topic, parked.key)
    runtime.doorbell.ring()
    return {"released": True}
