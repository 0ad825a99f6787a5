"""Why an organisation did, or did not, receive an event: what is known, and what of it may be told to whom.

An operator is told the decision. The organisation itself is told of what its stream holds, of what is in its scope and
concerns something that its stream holds, and of what only its own list of types keeps out; anything else is "unknown"
to it, in the same words as an event that does not exist, because that it exists is not its to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from partners.domain.stream import Verdict
from partners.domain.webhook import State, Webhook, wants

RECENT: Final = timedelta(minutes=1)
"""Events are projected within a second; one whose id is younger than this may still be on its way."""


class Outcome(StrEnum):
    """What became of an event for one organisation; the words are part of the interface."""

    RECEIVED = "received"
    BEFORE_SCOPE = "before_scope"
    """It concerns the organisation as it is now, but came before: when it joined, or before its territory grew."""
    TYPE_WITHHELD = "type_withheld"
    EVENT_TYPES = "event_types"
    """Of a type that the organisation does not ask for."""
    OUTSIDE_TERRITORY = "outside_territory"
    OTHER_WORLD = "other_world"
    ENTERED = "entered"
    """It brought its referral into the organisation's scope, which a snapshot said instead."""
    NOT_NAMED = "not_named"
    PERSON_ERASED = "person_erased"
    PERSON_UNTOLD = "person_untold"
    OTHER_STREAM = "other_stream"
    """Made for one organisation alone, such as a snapshot."""
    NOT_YET = "not_yet"
    """Unknown, and so recent that it may still be on its way."""
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, verdict: Verdict) -> Outcome:
        """Return what a verdict means for an event that other streams have already."""
        if verdict is Verdict.IN_SCOPE:
            return cls.BEFORE_SCOPE
        return cls(verdict.value)

    @classmethod
    def of_absence(cls, event_id: UUID, at: datetime) -> Outcome:
        """Return what is said of an event that is not to be found, by its id alone."""
        if event_id.version == 7 and abs(at.timestamp() - (event_id.int >> 80) / 1000) < RECENT.total_seconds():
            return cls.NOT_YET
        return cls.UNKNOWN


_NOW_MINE: Final = frozenset({Outcome.BEFORE_SCOPE, Outcome.ENTERED})
"""In the scope of today, though the stream does not hold the event."""


class Fate(StrEnum):
    """What became of an event for one webhook."""

    DELIVERED = "delivered"
    FILTERED = "filtered"
    WAITING = "waiting"
    """To be tried again, or behind an earlier event of its aggregate, or on its way."""
    PENDING = "pending"
    PAUSED = "paused"
    DISABLED = "disabled"
    WITHDRAWN = "withdrawn"
    """Not accepted before its person was erased, and so never sent."""
    PASSED = "passed"
    """Before where the webhook began, or accepted longer ago than the delivery log goes back."""


def fate_of(
    webhook: Webhook, ce_type: str, position: int, *, accepted: bool, waits: bool, erased: bool = False
) -> Fate:
    """Say what became of the event at this position; `accepted` and `waits` are what log and queue say.

    `erased`: whether the stream says further on that its person was erased.
    """
    if accepted:
        return Fate.DELIVERED
    if not waits and not wants(webhook.event_types, ce_type):
        return Fate.FILTERED
    if erased:
        return Fate.WITHDRAWN
    if not waits and webhook.position >= position:
        return Fate.PASSED
    return Fate.WAITING if webhook.state is State.ACTIVE else Fate(webhook.state.value)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer about one event and one organisation."""

    outcome: Outcome
    ce_type: str | None = None
    subject: str | None = None
    position: int | None = None
    """Where the organisation's stream holds it."""
    stored_at: datetime | None = None
    masked: tuple[str, ...] = ()
    """Fields in which this kind of organisation is told something less precise."""
    left_scope_position: int | None = None
    """Where the stream says that the event's aggregate left the organisation's scope."""
    erased_since: bool = False
    """The person was erased after the organisation had received it."""
    webhooks: tuple[tuple[UUID, Fate], ...] = ()

    def disclosed(self, event_id: UUID, at: datetime, *, known_aggregate: bool) -> Explanation:
        """Return what the organisation itself may be told."""
        if self.outcome is Outcome.RECEIVED or (self.outcome in _NOW_MINE and known_aggregate):
            return self
        if self.outcome is Outcome.EVENT_TYPES:
            # Its own choice keeps it out: the type says which one; of whom it speaks is not said.
            return Explanation(self.outcome, self.ce_type)
        return Explanation(Outcome.of_absence(event_id, at))
