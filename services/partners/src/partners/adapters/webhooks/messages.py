"""What is sent: the feed's own CloudEvents, and two events that exist for webhooks only."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from partners.adapters.events import source_of
from partners.adapters.http.feed import structured
from partners.app.ports import FeedRow
from partners.app.webhook_ports import Message

TEST = "fr.maillage.partners.webhook.test.v1"
CHALLENGE = "fr.maillage.partners.webhook.challenge.v1"


def of_stream(event_id: UUID, row: FeedRow) -> Message:
    """Return the message of one stored event: byte for byte what the feed answers."""
    return Message(str(event_id), structured(row), json.loads(row.headers).get("traceparent"))


def of_webhook(
    ce_type: str, event_id: UUID, webhook_id: UUID, code: str, data: dict[str, str], at: datetime
) -> Message:
    """Return a message that is no event of the stream."""
    document = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": source_of(code),
        "type": ce_type,
        "subject": str(webhook_id),
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Message(str(event_id), json.dumps(document, separators=(",", ":")).encode())
