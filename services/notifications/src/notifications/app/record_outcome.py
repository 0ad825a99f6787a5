"""Record what became of a notice in hand, in a transaction of its own.

A notice that changed meanwhile (its person was erased, its lease ended) keeps its state; the try is recorded all the
same, since it was made. A receipt that came before the carrier's answer was recorded counts now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from notifications.app.ports import Attempt, Notices
from notifications.domain.notice import Kind, Notice, Told
from notifications.domain.states import Actor, Reason, State

WAIT = timedelta(seconds=10)
"""After which whom we depend on is asked again."""


class Result(StrEnum):
    """What can come of a notice in hand."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    WAITS = "waits"
    ENDS = "ends"
    NOBODY_CAN = "nobody_can"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One notice's result; `code` says why, for operators."""

    result: Result
    channel: str | None = None
    code: str = ""
    reference: str | None = None
    reason: Reason | None = None


async def record_outcome(notice_id: UUID, outcome: Outcome, *, notices: Notices, now: datetime) -> State | None:
    """Return the state that the notice is in afterwards."""
    requested = await notices.lock(notice_id)
    if requested is None:
        return None
    notice = requested.notice
    attempt = _attempt(outcome, now)
    if notice.state is not State.SENDING:
        if attempt is not None:
            await notices.note(notice_id, attempt)
        return notice.state
    if outcome.channel is not None:
        notice.try_channel(outcome.channel)
    told = [*_apply(notice, outcome, now)]
    if outcome.channel is not None and any(fact.kind is Kind.SENT for fact in told):
        early = await notices.receipt(notice_id, outcome.channel)
        if early is not None:
            told += notice.deliver(Actor.CARRIER, now) if early.delivered else notice.bounce(Actor.CARRIER, now)
    await notices.save(notice, told, attempt)
    if outcome.reason is Reason.ERASED and notice.subject_ref is not None:
        # What is open keeps its person until it ends in the same way, or until PersonErased ends all of it at once.
        await notices.forget_ended(notice.subject_ref)
    return notice.state


def _attempt(outcome: Outcome, now: datetime) -> Attempt | None:
    if outcome.channel is None or outcome.result is Result.WAITS:
        return None
    return Attempt(outcome.channel, outcome.code or outcome.result.value, now, outcome.reference)


def _apply(notice: Notice, outcome: Outcome, now: datetime) -> Sequence[Told]:
    match outcome.result:
        case Result.ACCEPTED:
            return notice.accept(Actor.WORKER, now)
        case Result.DEFERRED:
            return notice.defer(Actor.WORKER, now)
        case Result.REFUSED:
            return notice.refuse(Actor.WORKER, now)
        case Result.WAITS:
            return notice.release(Actor.WORKER, now, WAIT)
        case Result.NOBODY_CAN:
            return notice.exhaust(Actor.WORKER, now)
        case Result.ENDS:
            return notice.suppress(Actor.WORKER, now, outcome.reason or Reason.STALE)
