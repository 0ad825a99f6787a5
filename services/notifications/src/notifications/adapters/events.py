"""From facts of the domain to contract events: the only place that knows both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.ids import derived_id
from chassis.outbox import OutboxRow, prepare
from maillage_contracts import (
    Event,
    NoticeDelivered,
    NoticeExhausted,
    NoticeHeld,
    NoticeSent,
    NoticeSuperseded,
    NoticeSuppressed,
)
from notifications.adapters.spans import within
from notifications.domain.notice import Kind, Notice, Told
from notifications.domain.states import Reason

NAME = "notifications.notice"
"""Names the ids derived from a notice and its version: redone work makes the same ones."""


@dataclass(frozen=True, slots=True)
class Story:
    """What a notice belongs to."""

    correlation_id: UUID
    event_id: UUID
    traceparent: str | None


def rows_for(notice: Notice, told: Sequence[Told], story: Story, cause: UUID | None) -> list[OutboxRow]:
    """Encode what is told; `cause` is the event being handled, none when the worker acts for the notice's own."""
    if cause is not None:
        return [_row(notice, fact, story, cause) for fact in told]
    with within(story.traceparent):
        return [_row(notice, fact, story, story.event_id) for fact in told]


def _row(notice: Notice, fact: Told, story: Story, cause: UUID) -> OutboxRow:
    return prepare(
        event_for(notice, fact),
        at=fact.at,
        correlation_id=story.correlation_id,
        causation_id=cause,
        event_id=derived_id(notice.notice_id, NAME, fact.version),
    )


def event_for(notice: Notice, fact: Told) -> Event:
    """Return the contract event that tells `fact`; an erased person is not referred to again."""
    common = {
        "notice_id": notice.notice_id,
        "aggregate_version": fact.version,
        "template": notice.template,
        "audience": notice.audience,
        "subject_ref": None if fact.reason is Reason.ERASED else notice.subject_ref,
        "organisation_id": notice.organisation_id,
        "referral_id": notice.referral_id,
    }
    own: Mapping[Kind, tuple[type[Event], dict[str, object]]] = {
        Kind.HELD: (NoticeHeld, {"until": fact.until}),
        Kind.SUPPRESSED: (NoticeSuppressed, {"reason": fact.reason, "suppressed_at": fact.at}),
        Kind.SUPERSEDED: (NoticeSuperseded, {"superseded_at": fact.at}),
        Kind.SENT: (NoticeSent, {"channel": fact.channel, "sent_at": fact.at}),
        Kind.DELIVERED: (NoticeDelivered, {"channel": fact.channel, "delivered_at": fact.at}),
        Kind.EXHAUSTED: (NoticeExhausted, {"exhausted_at": fact.at}),
    }
    model, fields = own[fact.kind]
    return model.model_validate({**common, **fields})
