"""Take notices that are due in hand, in a transaction of its own: afterwards somebody sends them, or the lease ends.

Whatever can be decided without anybody's contact is decided here: too late, too early in the morning, enough for a day,
nobody at all: whom an organisation of the sandbox referred is never written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from notifications.app.ports import Notices, OptOuts, Organisations, Requested, Taken
from notifications.domain.courtesy import Courtesy
from notifications.domain.fact import PERSON
from notifications.domain.notice import TAKES_MAX, Told
from notifications.domain.states import Actor, Reason, State

BATCH = 24
"""Three rounds of the worker's eight carriers: a lease covers it, and a claim check holds up to a hundred."""


async def take_due(
    *, notices: Notices, opt_outs: OptOuts, organisations: Organisations, courtesy: Courtesy, now: datetime
) -> tuple[Sequence[Taken], int]:
    """Return the notices to send now, and how many were looked at."""
    due = await notices.due(now, BATCH)
    known = await organisations.named(
        {r.notice.organisation_id for r in due if r.notice.organisation_id is not None}
        | {organisation_id for r in due for organisation_id in r.fact.roles.values()}
    )
    taken = []
    for requested in due:
        nobody = any(known[id_].sandbox for id_ in requested.fact.roles.values() if id_ in known)
        told = await _decide(requested, nobody, notices, courtesy, now)
        await notices.save(requested.notice, told)
        if requested.notice.state is State.SENDING:
            taken.append(requested)
    persons = {r.notice.subject_ref for r in taken if r.notice.subject_ref is not None}
    refused = await opt_outs.of(persons)
    return [
        Taken(r, refused.get(r.notice.subject_ref, frozenset()) if r.notice.subject_ref else frozenset(), known)
        for r in taken
    ], len(due)


async def _decide(
    requested: Requested, nobody: bool, notices: Notices, courtesy: Courtesy, now: datetime
) -> Sequence[Told]:
    notice = requested.notice
    if notice.state is State.SENDING:
        # Whoever took it died, or was stopped: what it did is not known, and the carrier recognises a repeat.
        superseded = notice.release(Actor.WORKER, now)
        if superseded:
            return superseded
    if now >= notice.not_after:
        return notice.suppress(Actor.WORKER, now, Reason.STALE)
    if notice.takes >= TAKES_MAX:
        return notice.exhaust(Actor.WORKER, now)
    if notice.audience == PERSON:
        if nobody:
            return notice.suppress(Actor.WORKER, now, Reason.SANDBOX)
        until, reason = await _decent(requested, notices, courtesy, now)
        if until >= notice.not_after:
            return notice.suppress(Actor.WORKER, now, reason)
        if until > now:
            return notice.hold(Actor.WORKER, now, until)
    return notice.take(Actor.WORKER, now)


async def _decent(requested: Requested, notices: Notices, courtesy: Courtesy, now: datetime) -> tuple[datetime, Reason]:
    """Return when it may be sent, and the reason should that be too late."""
    notice, commune = requested.notice, requested.fact.commune
    until = courtesy.decent_from(now, commune)
    # What was sent once already today is not one more.
    if until > now or courtesy.per_day is None or notice.subject_ref is None or notice.sent_at is not None:
        return until, Reason.STALE
    told = await notices.told_since(notice.subject_ref, courtesy.day_began(now, commune), besides=notice.notice_id)
    if told < courtesy.per_day:
        return now, Reason.STALE
    return courtesy.decent_on_another_day(now, commune), Reason.TOO_MANY
