"""A process that only answers HTTP: `python -m chassis.testing.http_process`, for tests that overload it.

Reads the same environment as a service. `POST /things` writes a row and an event in one transaction that holds its
connection for as long as it is told: so its capacity is known, whatever the machine.
"""

from __future__ import annotations

import os
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from chassis.app import Parts, build_app
from chassis.ids import new_id
from chassis.outbox import append, row_of
from chassis.runtime import Runtime, build_runtime, runtime_of
from chassis.settings import ServiceSettings, load

THINGS = "CREATE TABLE IF NOT EXISTS things (id uuid PRIMARY KEY, content bytea)"
TOPIC = "test-things"

router = APIRouter()
Here = Annotated[Runtime, Depends(runtime_of)]


class Thing(BaseModel):
    """What to write."""

    id: UUID
    bytes: int = 10
    seconds: float = 0


@router.post("/things")
async def post_thing(thing: Thing, runtime: Here) -> JSONResponse:
    """Write the thing and its event."""
    async with runtime.transaction() as tx:
        # Random: what compresses fills no disk.
        content = os.urandom(thing.bytes)
        await tx.execute("INSERT INTO things VALUES ($1, $2)", thing.id, content)
        await append(tx, row_of(new_id(), "test", TOPIC, thing.id.bytes.hex().encode(), [("ce_id", b"x")], content))
        if thing.seconds:
            await tx.execute("SELECT pg_sleep($1)", thing.seconds)
    return JSONResponse({"id": str(thing.id)}, 201)


@router.get("/claims/things")
async def claim_things(runtime: Here) -> dict[str, Any]:
    """Answer from the background pool, as claim checks do."""
    async with runtime.background_db.transaction() as tx:
        return {"things": await tx.fetchval("SELECT count(*) FROM things")}


def create_app(settings: ServiceSettings) -> FastAPI:
    """Build the application."""
    return build_app(build_runtime("testing", settings), Parts(routers=[router]))


if __name__ == "__main__":
    loaded = load(ServiceSettings)
    uvicorn.run(
        create_app(loaded), host="127.0.0.1", port=loaded.http_port, loop="uvloop", http="httptools", access_log=False
    )
