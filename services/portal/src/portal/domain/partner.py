"""An organisation as a partner: its programs and their secrets, its members, its webhooks and what was sent to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SECRETS_MAX = 2
"""Live at once, of a program."""

OVERLAP_HOURS = ("0", "24", "168")
"""What a page offers for how long an old secret goes on working beside a new one."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret after it was shown: when it came, and when it ends."""

    secret_id: str
    created_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None = None
    """Not known of a webhook's."""


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A program that reads or writes for the organisation."""

    client_id: str
    scopes: tuple[str, ...]
    created_at: datetime | None
    last_used_at: datetime | None
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """A program's new secret, at the only moment it is known."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class KafkaUser:
    """How an organisation reads its topic on Kafka; never with its password."""

    username: str
    topic: str
    ready: bool
    password_lost: bool
    """Kafka does not know the user any more: only a new password opens."""


@dataclass(frozen=True, slots=True)
class Post:
    """A member as the organisation's manager sees it: a post, never a person's name."""

    member_id: str
    role: str
    label: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as its organisation sees it."""

    webhook_id: str
    url: str
    event_types: tuple[str, ...]
    """Empty: every type."""
    state: str
    reason: str
    waiting: int
    waiting_since: datetime | None
    failures: int
    last_success_at: datetime | None
    secrets: tuple[Secret, ...]
    redelivering: bool
    created_at: datetime | None


WEBHOOK_STATES = ("pending", "active", "paused", "disabled")
OUTCOMES = (
    "delivered", "gone", "status", "redirect", "timeout", "connection", "tls", "dns", "address", "challenge",
    "internal", "withdrawn",
)  # fmt: skip
"""What can come of one request to a receiver, or of there being none: an event about somebody erased since."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One line of the delivery log."""

    event_id: str
    type: str
    kind: str
    attempt: int
    at: datetime
    took_ms: int
    outcome: str
    status: int | None
    answer: str
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What a test event met."""

    outcome: str
    status: int | None
    took_ms: int
