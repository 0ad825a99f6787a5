"""Explain, for an event and an organisation, the decision of scope: with the function that projects, not a second one.

An event is found by the copies that streams hold. One that entered no stream, or has not been projected yet, is
unknown here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from partners.domain.explanation import Explanation, Fate, Outcome
from partners.domain.placing import Placing
from partners.domain.stream import Fact, Stream


@dataclass(frozen=True, slots=True)
class Copy:
    """An event as one stream holds it."""

    event_id: UUID
    organisation_id: UUID
    position: int
    ce_type: str
    subject: str
    stored_at: datetime
    fact: Fact | None
    """None for an event that was made for one stream alone."""
    masked: tuple[str, ...]
    """What the organisation asked about is told less precisely."""
    erased: bool = False
    """Its person was erased: of the event itself nothing is left but its type."""


class Evidence(Protocol):
    """What streams and webhooks hold, at one moment."""

    async def copy(self, event_id: UUID, organisation_id: UUID) -> Copy | None:
        """Return the organisation's own copy of an event, else anybody's, else None."""
        ...

    async def scope(self, organisation_id: UUID, fact: Fact) -> Stream:
        """Return the organisation's stream with its scope as far as this fact needs it, locking nothing."""
        ...

    async def sandboxed(self, fact: Fact) -> set[UUID]:
        """Return the event's referrer if they are of the sandbox, else nobody."""
        ...

    async def erased(self, fact: Fact | None) -> bool:
        """Say whether the person whom the event concerns, by itself or by its referral, was erased."""
        ...

    async def left_scope(self, organisation_id: UUID, subject: str) -> int | None:
        """Return where the stream took this aggregate back, if that is the last it says of it."""
        ...

    async def holds_aggregate(self, organisation_id: UUID, subject: str) -> bool: ...

    async def fates(self, copy: Copy) -> Sequence[tuple[UUID, Fate]]:
        """Return what became of the event for each webhook of the copy's organisation."""
        ...


async def explain_event(
    evidence: Evidence, organisation_id: UUID, event_id: UUID, at: datetime, *, to_operator: bool
) -> Explanation:
    """Say whether the organisation received the event, and why not; to itself, only what is its own to know."""
    copy = await evidence.copy(event_id, organisation_id)
    if copy is None:
        return Explanation(Outcome.of_absence(event_id, at))
    found = await _explained(evidence, organisation_id, copy)
    if to_operator:
        return found
    known = await evidence.holds_aggregate(organisation_id, copy.subject)
    return found.disclosed(event_id, at, known_aggregate=known)


async def _explained(evidence: Evidence, organisation_id: UUID, copy: Copy) -> Explanation:
    left = await evidence.left_scope(organisation_id, copy.subject)
    if copy.organisation_id == organisation_id:
        return Explanation(
            Outcome.RECEIVED,
            copy.ce_type,
            copy.subject,
            copy.position,
            copy.stored_at,
            copy.masked,
            left_scope_position=left if left is not None and left > copy.position else None,
            erased_since=copy.erased or await evidence.erased(copy.fact),
            webhooks=tuple(await evidence.fates(copy)),
        )
    # Whose it was cannot be said any more.
    outcome = Outcome.PERSON_ERASED if copy.erased else Outcome.OTHER_STREAM
    if copy.fact is not None:
        stream = await evidence.scope(organisation_id, copy.fact)
        named = [one for one in (copy.fact.person, copy.fact.referral_id) if one is not None]
        erased = named if await evidence.erased(copy.fact) else ()
        placing = Placing([stream], (), erased, await evidence.sandboxed(copy.fact))
        outcome = Outcome.of(placing.judge(stream, copy.fact))
    return Explanation(outcome, copy.ce_type, copy.subject, left_scope_position=left)
