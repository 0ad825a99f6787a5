"""Routes for operators of any service: dead letters, and events that Kafka refused, listed without their bytes.

Each can be handled or sent again, in order with what waits behind it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from chassis import dead_letter_routes
from chassis.auth import Caller, require
from chassis.relay import unpark
from chassis.runtime import Runtime, runtime_of

router = APIRouter(include_in_schema=False)
router.include_router(dead_letter_routes.router)

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]


class ParkedKey(BaseModel):
    """A key whose events wait behind one that Kafka refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    topic: str
    key: str


# One line a key: the refused event, how many wait behind it, since when. outbox_parked_key orders.
PARKED = """
SELECT DISTINCT ON (aggregatetype, aggregateid) aggregatetype AS topic, aggregateid AS key, id AS event_id, type, cause,
    parked_at, count(*) OVER (PARTITION BY aggregatetype, aggregateid) AS events
FROM outbox_parked ORDER BY aggregatetype, aggregateid, position LIMIT 500
"""


@router.get("/operations/parked-events")
async def list_parked_events(_: Operator, runtime: Parts) -> dict[str, Any]:
    """List the keys that wait behind an event that Kafka refused for good."""
    async with runtime.background_db.transaction() as tx:
        return {"items": [dict(row) for row in await tx.fetch(PARKED)]}


@router.post("/operations/parked-events/release", status_code=202)
async def release_parked_events(parked: ParkedKey, _: Operator, runtime: Parts) -> dict[str, Any]:
    """Send a parked key's events again, once what made Kafka refuse is mended; refused again, they are parked again."""
    await unpark(runtime.background_db, parked.topic, parked.key)
    runtime.doorbell.ring()
    return {"released": True}
