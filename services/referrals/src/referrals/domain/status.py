"""Statuses of a referral, who may do what, and where it leads: the whole state machine, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    RECEIVED = "received"
    UNDER_REVIEW = "under_review"
    OVERDUE = "overdue"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Actor(StrEnum):
    """In what quality somebody acts on a referral."""

    REFERRER = "referrer"
    RECEIVER = "receiver"
    SYSTEM = "system"
    """The clock."""


class Command(StrEnum):
    """What can be asked of a referral, under the names of the HTTP routes."""

    SUBMISSION = "submission"
    RECEIPT = "receipt"
    REVIEW = "review"
    ACCEPTANCE = "acceptance"
    DECLINE = "decline"
    WITHDRAWAL = "withdrawal"
    OVERDUE = "overdue"
    EXPIRY = "expiry"


ACTOR_OF: Mapping[Command, Actor] = {
    Command.SUBMISSION: Actor.REFERRER,
    Command.RECEIPT: Actor.RECEIVER,
    Command.REVIEW: Actor.RECEIVER,
    Command.ACCEPTANCE: Actor.RECEIVER,
    Command.DECLINE: Actor.RECEIVER,
    Command.WITHDRAWAL: Actor.REFERRER,
    Command.OVERDUE: Actor.SYSTEM,
    Command.EXPIRY: Actor.SYSTEM,
}

STEPS = (Status.SUBMITTED, Status.RECEIVED, Status.UNDER_REVIEW)
"""How far the receiver has come. An overdue referral keeps its step, and goes on from there when answered late."""

OPEN = (*STEPS, Status.OVERDUE)

TABLE: Mapping[tuple[Status, Command], Status] = {
    (Status.DRAFT, Command.SUBMISSION): Status.SUBMITTED,
    (Status.SUBMITTED, Command.RECEIPT): Status.RECEIVED,
    (Status.RECEIVED, Command.REVIEW): Status.UNDER_REVIEW,
    (Status.UNDER_REVIEW, Command.ACCEPTANCE): Status.ACCEPTED,
    (Status.UNDER_REVIEW, Command.DECLINE): Status.DECLINED,
    **{(status, Command.WITHDRAWAL): Status.WITHDRAWN for status in OPEN},
    **{(status, Command.OVERDUE): Status.OVERDUE for status in STEPS},
    **{(status, Command.EXPIRY): Status.EXPIRED for status in OPEN},
}
"""Where a command leads from a status. What is not here is refused."""
