"""Put source events into the streams of the organisations that may see them.

Positions are gapless and in commit order: they are given out while the streams' rows are locked, one organisation
after another. A scope edit has nobody to lock where it lets somebody in, so projections and edits also meet at the
scope gate, which projections share. An erasure enters it alone: it must reach whoever is being told of the person at
that moment, by whichever topic, and nothing about the person may follow it; what came before is erased where it stands,
in the same transaction. Locks are taken in one order, the gate and then streams by organisation. The number of
statements does not depend on the number of events; hundreds of erasures at once are one for each 250 persons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from partners.app.ports import Copies, Referrals, StreamEvents, StreamRow, Streams
from partners.domain.placing import Placing
from partners.domain.retention import oldest_kept_day
from partners.domain.stream import Fact, KnownReferral, KnownStep, Matter

MOVED = "moved"
"""Why a referral leaves or enters a scope when its person moves."""


@dataclass(frozen=True, slots=True)
class Told:
    """A batch of source events, and what is remembered of them."""

    facts: Sequence[Fact]
    known: Sequence[KnownReferral] = ()
    steps: Sequence[KnownStep] = ()
    persons: Mapping[UUID, UUID] = field(default_factory=dict)
    """Whose each referral is, by the referral."""
    moves: Mapping[UUID, KnownReferral] = field(default_factory=dict)
    """Each referral whose person moved as the move left it, by the event."""


async def project_events(
    streams: Streams,
    referrals: Referrals,
    copies: Copies,
    events: StreamEvents,
    told: Told,
    at: datetime,
) -> None:
    """Append each fact, in order, to every stream that sees it; remember where referrals and steps stand."""
    erasures = sorted({f.person for f in told.facts if f.matter is Matter.ERASURE and f.person is not None})
    others = {f.person for f in told.facts if f.matter is not Matter.ERASURE and f.person is not None}
    await streams.enter_gate(alone=bool(erasures))
    await referrals.remember(told.known)
    await referrals.remember_steps(told.steps)
    await referrals.remember_persons(told.persons)
    moves = await referrals.detailed(told.moves)
    # A stream that was told of it has forgotten that it was: read again, by a replay as late as that, it would be new.
    oldest = oldest_kept_day(at)
    recent = [one for one in told.facts if one.occurred_at is None or one.occurred_at.date() >= oldest]
    facts = await as_they_stand(referrals, recent, moves)
    others |= {one.person for one in moves.values() if one.person is not None}
    erased = await streams.erased(others, {fact.referral_id for fact in facts if fact.referral_id is not None})
    await streams.note_erased(erasures, at)
    if concerned := await streams.lock_concerned(facts):
        present = await streams.present(facts)
        following = await referrals.following(concerned, moves)
        placing = Placing(concerned, present.held, erased, present.sandboxed, following)
        await streams.append(_rows(placing, facts, moves, copies, events, at), at)
    # Last: what the same batch told of them is erased too.
    await streams.erase_rows(erasures)


def _rows(
    placing: Placing,
    facts: Sequence[Fact],
    moves: Mapping[UUID, KnownReferral],
    copies: Copies,
    events: StreamEvents,
    at: datetime,
) -> list[StreamRow]:
    rows: list[StreamRow] = []
    for fact in facts:
        places = list(placing.place(fact))
        if places:
            rows += copies.copy(fact, places)
        if (moved := moves.get(fact.event_id)) is not None:
            cause = fact.event_id
            for place in placing.leave(fact):
                rows.append(events.left_scope(moved, *place, cause=cause, reason=MOVED, at=at))
            for place in placing.enter(fact):
                rows.append(events.snapshot(moved, *place, cause=cause, reason=MOVED, at=at))
    return rows


async def as_they_stand(
    referrals: Referrals, facts: Sequence[Fact], moves: Mapping[UUID, KnownReferral]
) -> Sequence[Fact]:
    """Return the facts with what is known here and they cannot say: whose a move is, and where the person lives now.

    Registration identifies a person by the routing of the submission, and may be late: the referral has moved.
    """
    late = [f.referral_id for f in facts if f.matter is Matter.IDENTITY and f.referral_id is not None]
    lives = await referrals.moved_to(late)

    def mended(fact: Fact) -> Fact:
        if fact.event_id in moves:
            return replace(fact, person=moves[fact.event_id].person)
        if fact.matter is Matter.IDENTITY and fact.referral_id in lives and fact.routing is not None:
            return replace(fact, routing=replace(fact.routing, commune=lives[fact.referral_id]))
        return fact

    return [mended(fact) for fact in facts]
