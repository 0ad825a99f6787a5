"""Routes for operators: dead letters listed by page, grouped by cause, shown, corrected, rehearsed and requeued.

No answer holds the bytes of an event but one, which is asked for by name and audited. Work on many letters goes by
pages of a few seconds each: the caller follows the cursor, and stops where it likes.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import structlog
from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, model_validator

from chassis import dead_letter_views, operator_acts
from chassis.audit import Read, purpose_of, record_reads
from chassis.auth import Caller, require
from chassis.consumer import Processor
from chassis.operator_acts import By, Refused
from chassis.problems import FieldRefused, Problem, Said
from chassis.requeue import Outcome, Page, rehearse, requeue
from chassis.runtime import Runtime, runtime_of

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/operations/dead-letters", include_in_schema=False)

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Group = Annotated[str | None, Query(pattern="^[0-9a-f]{10}$")]
Why = Annotated[str, Field(min_length=3, max_length=300)]

PAGE_SECONDS = 3.0
"""How long one request goes on taking up keys: below every proxy's patience, with room for the last key's round."""

KEYS_PER_PAGE = 200
STOPPED_SHOWN = 100
NO_REASON = "unspecified"


class Correction(BaseModel):
    """What replaces the bytes of a dead letter, and why."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: Base64Bytes
    why: Why


class Requeue(BaseModel):
    """How to handle one letter again."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    dry_run: bool = False
    why: Why = NO_REASON


class RequeueMany(Requeue):
    """Which letters to handle again: those of a group, or all; `after` continues where the last page ended."""

    group: str | None = Field(default=None, pattern="^[0-9a-f]{10}$")
    all: bool = False
    after: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _says_which(self) -> RequeueMany:
        # A forgotten group must not become "everything".
        if self.all == (self.group is not None):
            raise FieldRefused("Dites soit un groupe, soit all.", "Say either a group or all.")
        return self


@router.get("")
async def list_dead_letters(
    _: Operator,
    runtime: Parts,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=dead_letter_views.PAGE_MAX)] = 100,
    consumer: Annotated[str | None, Query(max_length=200)] = None,
    state: Literal["dead", "held"] | None = None,
    group: Group = None,
) -> dict[str, Any]:
    """List what waits: where it was read, its type, its cause, how often it was tried."""
    async with runtime.background_db.transaction() as tx:
        items = await dead_letter_views.list_letters(tx, after, limit, consumer=consumer, state=state, group=group)
    return {"items": items, "cursor": items[-1]["id"] if len(items) == limit else None}


@router.get("/groups")
async def list_groups(
    _: Operator, runtime: Parts, limit: Annotated[int, Query(ge=1, le=dead_letter_views.PAGE_MAX)] = 100
) -> dict[str, Any]:
    """List the causes, the most frequent first."""
    async with runtime.background_db.transaction() as tx:
        items = await dead_letter_views.group_letters(tx, limit)
    return {"items": items, "more": len(items) == limit}


@router.get("/{letter_id}")
async def show_dead_letter(letter_id: int, _: Operator, runtime: Parts) -> dict[str, Any]:
    """Show one letter without its bytes, and what was done to it."""
    async with runtime.background_db.transaction() as tx:
        shown = await dead_letter_views.show_letter(tx, letter_id)
        if shown is None:
            raise _no_letter()
        return {**shown, "acts": await operator_acts.acts_on(tx, letter_id)}


@router.get("/{letter_id}/value")
async def read_value(
    letter_id: int, operator: Operator, runtime: Parts, maillage_purpose: Annotated[str | None, Header()] = None
) -> Response:
    """Give the bytes of one letter as they were read; audited, since nobody knows what is in them."""
    purpose = purpose_of(maillage_purpose)
    async with runtime.background_db.transaction() as tx:
        letter = await _locked(tx, letter_id)
        by = By(operator.client_id, operator.organisation_id, purpose)
        await operator_acts.record(tx, "value_read", by, runtime.clock.now(), letter=letter)
        read = Read(
            operator.client_id,
            operator.organisation_id,
            "dead_letter",
            letter["event_id"] or UUID(int=letter_id),
            purpose,
        )
        await record_reads(tx, [read], runtime.clock)
    headers = {"cache-control": "no-store", "content-disposition": "attachment"}
    return Response(letter["value"] or b"", media_type="application/octet-stream", headers=headers)


@router.post("/{letter_id}/correction")
async def correct_dead_letter(
    letter_id: int, correction: Correction, operator: Operator, runtime: Parts
) -> dict[str, Any]:
    """Replace a letter's bytes; 422 when the new ones cannot be read either, or are another event's."""
    by = By(operator.client_id, operator.organisation_id, correction.why)
    async with runtime.background_db.transaction() as tx:
        letter = await _locked(tx, letter_id)
        refused = await operator_acts.correct(tx, letter, correction.value, by, runtime.clock.now())
    if refused is not None:
        raise _not_taken(refused)
    log.info("dead_letter_corrected", letter_id=letter_id)
    return {"corrected": True, "value_bytes": len(correction.value)}


@router.post("/{letter_id}/requeue")
async def requeue_dead_letter(
    letter_id: int, operator: Operator, runtime: Parts, how: Requeue | None = None
) -> dict[str, Any]:
    """Handle a letter again, and what waits behind it; 404 when there is no such letter."""
    how = how or Requeue()
    async with runtime.background_db.transaction() as tx:
        letter = await _locked(tx, letter_id)
        processor = _processor(runtime, letter["consumer"])
        if processor is None:
            raise _no_reader(letter["consumer"])
        if not how.dry_run:
            by = By(operator.client_id, operator.organisation_id, how.why)
            await operator_acts.record(tx, "requeued", by, runtime.clock.now(), letter=letter)
    outcome = await _again(runtime, processor, letter_id, how.dry_run)
    return {
        "handled": outcome.handled, "stopped_by": outcome.stopped_by, "stopped_at": outcome.stopped_at,
        "dry_run": how.dry_run,
    }  # fmt: skip


@router.post("/requeue")
async def requeue_many(which: RequeueMany, operator: Operator, runtime: Parts) -> dict[str, Any]:
    """Handle the keys of a group, or all, one after the other for a few seconds; `cursor` says where to go on."""
    if not which.dry_run and which.after == 0:
        by = By(operator.client_id, operator.organisation_id, which.why)
        async with runtime.background_db.transaction() as tx:
            await operator_acts.record(tx, "requeued", by, runtime.clock.now(), selection=which.group or "all")
    async with runtime.background_db.transaction() as tx:
        found = await dead_letter_views.heads(tx, which.after, KEYS_PER_PAGE, which.group)
    page = Page(which.after)
    until = time.monotonic() + PAGE_SECONDS
    for letter_id, consumer in found:
        going_on = await page.take(
            _processor(runtime, consumer), runtime.background_db, letter_id, dry_run=which.dry_run
        )
        if not going_on or time.monotonic() > until:
            break
    runtime.doorbell.ring()
    log.info("dead_letters_requeued", handled=page.handled)
    finished = page.keys == len(found) < KEYS_PER_PAGE
    return {
        "keys": page.keys,
        "handled": page.handled,
        "failed": len(page.stopped),
        "stopped": [{"letter_id": o.stopped_at, "cause": o.stopped_by} for o in page.stopped[:STOPPED_SHOWN]],
        "waits_for": page.waits_for,
        "cursor": None if finished else page.cursor,
        "dry_run": which.dry_run,
    }


async def _again(runtime: Runtime, processor: Processor, letter_id: int, dry_run: bool) -> Outcome:
    if dry_run:
        return await rehearse(processor, runtime.background_db, letter_id)
    outcome = await requeue(processor, runtime.background_db, letter_id)
    log.info("dead_letter_requeued", letter_id=letter_id, handled=outcome.handled, cause=outcome.stopped_by)
    runtime.doorbell.ring()
    return outcome


async def _locked(tx: Any, letter_id: int) -> asyncpg.Record:
    letter = await operator_acts.lock_letter(tx, letter_id)
    if letter is None:
        raise _no_letter()
    return letter


def _processor(runtime: Runtime, consumer: str) -> Processor | None:
    return next((one for one in runtime.processors if one.consumer == consumer), None)


def _no_letter() -> Problem:
    title = Said("Aucun événement mis de côté n’a ce numéro.", "There is no such dead letter.")
    return Problem(404, "not_found", title)


def _no_reader(consumer: str) -> Problem:
    title = Said("Ce service ne lit plus ce sujet.", "This service no longer reads that topic.")
    return Problem(409, "no_reader", title, Said(consumer, consumer))


def _not_taken(refused: Refused) -> Problem:
    title = Said("Ce contenu ne remplace pas l’événement.", "These bytes cannot replace the event.")
    return Problem(422, refused.code, title, Said(refused.cause, refused.cause))
