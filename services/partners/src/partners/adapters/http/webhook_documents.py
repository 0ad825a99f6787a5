"""Bodies and documents of the webhook routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from chassis.sentences import FieldRefused
from partners.adapters.http.feed_types import TypeNames
from partners.app.manage_webhooks import Start
from partners.domain.cursor import write_cursor
from partners.domain.webhook import OVERLAP_HOURS, OVERLAP_HOURS_MAX, Secret, Webhook

_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
Cursor = Annotated[str, Field(max_length=64)]


class WebhookBody(BaseModel):
    """A new webhook."""

    model_config = _STRICT

    url: Annotated[str, Field(min_length=1, max_length=1_000)]
    event_types: TypeNames | None = None
    after: Cursor | None = None
    since: AwareDatetime | None = None

    def start(self) -> Start:
        return Start(self.after, self.since)


class RotationBody(BaseModel):
    """How long the old secrets go on signing."""

    model_config = _STRICT

    overlap_hours: Annotated[int, Field(ge=0, le=OVERLAP_HOURS_MAX)] = OVERLAP_HOURS


class RedeliveryBody(BaseModel):
    """One event, or what lies after a cursor or an instant, up to another cursor or to where delivery stands."""

    model_config = _STRICT

    event_id: UUID | None = None
    after: Cursor | None = None
    since: AwareDatetime | None = None
    until: Cursor | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [value for value in (self.event_id, self.after, self.since) if value is not None]
        if len(given) != 1 or (self.event_id is not None and self.until is not None):
            raise FieldRefused(
                "Indiquez soit event_id, soit after, soit since.", "Give one of event_id, after and since."
            )
        return self


def webhook_document(
    webhook: Webhook, secrets: list[Secret], waiting: Mapping[UUID, tuple[int, datetime]]
) -> dict[str, Any]:
    """Return a webhook as the API shows it; of a secret, when it came and goes."""
    count, since = waiting.get(webhook.webhook_id, (0, None))
    replay = None
    if webhook.replay_position is not None and webhook.replay_until is not None:
        replay = {
            "cursor": write_cursor(webhook.organisation_id, webhook.replay_position),
            "until": write_cursor(webhook.organisation_id, webhook.replay_until),
        }
    return {
        "webhook_id": str(webhook.webhook_id),
        "url": webhook.url,
        "event_types": webhook.event_types,
        "state": webhook.state.value,
        "reason": webhook.reason,
        "cursor": write_cursor(webhook.organisation_id, webhook.position),
        "waiting": count,
        "waiting_since": since,
        "redelivery": replay,
        "missed_events": webhook.missed_events,
        "failures_in_a_row": webhook.failures,
        "last_success_at": webhook.last_success_at,
        "secrets": [
            {"secret_id": str(one.secret_id), "created_at": one.created_at, "expires_at": one.expires_at}
            for one in secrets
        ],
        "created_at": webhook.created_at,
        "changed_at": webhook.changed_at,
    }


def attempt_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line of the delivery log."""
    return {
        "event_id": str(row["event_id"]),
        "type": row["ce_type"],
        "sequence": None if row["position"] is None else str(row["position"]),
        "kind": {"again": "redelivery"}.get(row["kind"], row["kind"]),
        "attempt": row["attempt"],
        "at": row["at"],
        "took_ms": row["took_ms"],
        "outcome": row["outcome"],
        "status": row["status"],
        "answer": row["answer"],
        "next_attempt_at": row["next_at"],
    }
