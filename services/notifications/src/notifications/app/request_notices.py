"""Turn an event into the notices it asks for, and take back those it makes untrue.

Runs in the transaction that claims the event. Nothing is sent here, and nobody's contact is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.ids import derived_id
from notifications.app.ports import Notices, Requested, Thread
from notifications.domain.courtesy import Courtesy
from notifications.domain.fact import ALONE, PERSON, Fact
from notifications.domain.notice import Notice, Told
from notifications.domain.states import Actor, Reason
from notifications.domain.template import Catalogue, Position, Template


async def request_notices(
    fact: Fact,
    *,
    catalogue: Catalogue,
    notices: Notices,
    courtesy: Courtesy,
    now: datetime,
    traceparent: str | None = None,
) -> None:
    """Store what the event asks for; a notice that makes no sense any more is stored with the reason."""
    for key, templates in catalogue.untrue_after(fact).items():
        for notice, earlier in await notices.unsent(templates, key):
            # A late older event says nothing about what a newer one asked for.
            if earlier.aggregate_id != fact.aggregate_id or earlier.version <= fact.version:
                await notices.save(notice, notice.supersede(Actor.FACT, now))
    # All threads first: what one template begins here must not be what another goes on with.
    asked = [
        (template, audience, recipient, await notices.thread(template.once.thread(fact, recipient)))
        for template in catalogue.told_by(fact)
        for audience, recipient in template.recipients(fact)
    ]
    for template, audience, recipient, thread in asked:
        if template.once.position is Position.ANY or (template.once.position is Position.AGAIN) == thread.begun:
            notice = _notice(fact, template, audience, recipient, template.send.due(fact, courtesy))
            told = _not_worth_sending(notice, template, fact, thread, now)
            await notices.add(_requested(notice, template, fact, recipient, traceparent), told)


def _notice(fact: Fact, template: Template, audience: str, recipient: UUID, due_at: datetime) -> Notice:
    return Notice(
        notice_id=derived_id(fact.event_id, f"notifications.{template.name}.{audience}"),
        template=template.name,
        audience=audience,
        channels=template.channels,
        due_at=due_at,
        not_after=template.not_after.of(fact),
        subject_ref=recipient if audience == PERSON else None,
        organisation_id=None if audience in ALONE else recipient,
        referral_id=fact.referral_id,
    )


def _not_worth_sending(notice: Notice, template: Template, fact: Fact, thread: Thread, now: datetime) -> Sequence[Told]:
    if thread.last is not None and thread.last.says == template.once.says(fact):
        return notice.suppress(Actor.FACT, now, Reason.DUPLICATE)
    # A reminder that would come with the event itself: whoever just chose a date needs none.
    too_soon = template.send.days_before is not None and notice.due_at <= fact.at
    if too_soon or now >= notice.not_after:
        return notice.suppress(Actor.FACT, now, Reason.STALE)
    return ()


def _requested(notice: Notice, template: Template, fact: Fact, recipient: UUID, traceparent: str | None) -> Requested:
    return Requested(
        notice=notice,
        fact=fact,
        thread=template.once.thread(fact, recipient),
        says=template.once.says(fact),
        supersede_key=template.supersede_key(fact),
        traceparent=traceparent,
    )
