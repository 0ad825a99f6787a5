"""An explanation is the projection's own decision, and an organisation learns from it only what is its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.ids import new_id
from partners.adapters.http.explanation_sentences import FATES, OUTCOMES, RULES
from partners.adapters.http.explanations import explanation_document
from partners.app.explain_event import Copy, explain_event
from partners.domain.explanation import Explanation, Fate, Outcome, fate_of
from partners.domain.organisation import PARTNERS, Kind
from partners.domain.placing import Placing
from partners.domain.stream import Fact, Matter, Routing, Stream
from partners.domain.webhook import ERASED, State, Webhook

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
ORGANISATIONS = [UUID(int=n) for n in range(1, 9)]
PERSONS = [UUID(int=n) for n in range(101, 104)]
COMMUNES = ["93048", "93066", "94028"]
TYPES = ["submitted", "booked"]

Place: TypeAlias = tuple[Stream, int]

streams = st.tuples(
    st.lists(st.sampled_from(sorted(PARTNERS)), min_size=8, max_size=8),
    st.lists(st.sets(st.sampled_from(COMMUNES)), min_size=8, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.lists(st.none() | st.sets(st.sampled_from(TYPES)), min_size=8, max_size=8),
).map(
    lambda made: [
        Stream(
            owner,
            f"o{n}",
            f"partner-o{n}-v1",
            kind,
            0,
            frozenset(communes if kind is Kind.COUNCIL else ()),
            sandbox=sandbox,
            event_types=None if types is None else frozenset(types),
        )
        for n, (owner, kind, communes, sandbox, types) in enumerate(zip(ORGANISATIONS, *made, strict=True))
    ]
)
routings = st.builds(
    Routing,
    st.sampled_from(COMMUNES),
    st.sampled_from(ORGANISATIONS),
    st.sampled_from(ORGANISATIONS),
    st.just("association"),
    st.none() | st.sampled_from(ORGANISATIONS),
    st.none() | st.sampled_from(ORGANISATIONS),
)
persons = st.sampled_from(PERSONS)
others = st.builds(
    Fact,
    st.uuids(version=4),
    st.sampled_from(sorted(set(Matter) - {Matter.ERASURE})),
    st.none() | routings,
    st.none() | persons,
    st.sampled_from(TYPES),
)
erasures = st.builds(Fact, st.uuids(version=4), st.just(Matter.ERASURE), st.none(), persons)
batches = st.lists(others | erasures, min_size=1, max_size=25, unique_by=lambda fact: fact.event_id)


class Kept:
    """Evidence of what a projection placed, in memory."""

    def __init__(self, streams: list[Stream], facts: list[Fact]) -> None:
        self.streams = {stream.organisation_id: stream for stream in streams}
        self.facts = {fact.event_id: fact for fact in facts}
        self.worlds = {stream.organisation_id for stream in streams if stream.sandbox}
        placing = Placing(streams, (), sandboxed=self.worlds)
        self.places: dict[UUID, list[Place]] = {fact.event_id: list(placing.place(fact)) for fact in facts}
        self.gone = {fact.person for fact in facts if fact.matter is Matter.ERASURE}

    def of(self, owner: UUID) -> list[UUID]:
        return [event for event, places in self.places.items() if owner in {one.organisation_id for one, _ in places}]

    async def copy(self, event_id: UUID, organisation_id: UUID) -> Copy | None:
        places = {stream.organisation_id: position for stream, position in self.places.get(event_id, ())}
        if not places:
            return None
        owner = organisation_id if organisation_id in places else min(places)
        fact = self.facts[event_id]
        return Copy(event_id, owner, places[owner], fact.matter.value, str(fact.person), AT, fact, ())

    async def scope(self, organisation_id: UUID, fact: Fact) -> Stream:
        told = {self.facts[event].person for event in self.of(organisation_id)} - {None}
        return replace(self.streams[organisation_id], told=frozenset(one for one in told if one is not None))

    async def sandboxed(self, fact: Fact) -> set[UUID]:
        return (
            self.worlds if fact.routing is not None and fact.routing.referrer_organisation_id in self.worlds else set()
        )

    async def erased(self, fact: Fact | None) -> bool:
        return fact is not None and bool({fact.person, fact.referral_id} & self.gone)

    async def left_scope(self, organisation_id: UUID, subject: str) -> int | None:
        return None

    async def holds_aggregate(self, organisation_id: UUID, subject: str) -> bool:
        return subject in {str(self.facts[event].person) for event in self.of(organisation_id)}

    async def fates(self, copy: Copy) -> list[tuple[UUID, Fate]]:
        return []


@given(streams, batches)
@settings(max_examples=60, deadline=None)
async def test_explanation_agrees_with_the_projection_for_any_events_and_organisations(
    made: list[Stream], facts: list[Fact]
) -> None:
    kept = Kept(made, facts)
    for fact in facts:
        for stream in made:
            held = any(one.organisation_id == stream.organisation_id for one, _ in kept.places[fact.event_id])
            told = await explain_event(kept, stream.organisation_id, fact.event_id, AT, to_operator=True)
            own = await explain_event(kept, stream.organisation_id, fact.event_id, AT, to_operator=False)

            assert (told.outcome is Outcome.RECEIVED) == (own.outcome is Outcome.RECEIVED) == held
            # Scopes did not change here: whatever a stream does not hold has a rule that keeps it out.
            assert told.outcome is not Outcome.BEFORE_SCOPE
            if told.outcome is Outcome.EVENT_TYPES:
                # Its own list keeps it out, and nothing else does: with all types it would have had the event.
                assert own == Explanation(Outcome.EVENT_TYPES, told.ce_type)
                assert fact.ce_type not in (stream.event_types or ())
                assert fact.routing is not None
                assert stream.sees(fact.matter, fact.routing)
            elif not held:
                assert own == Explanation(Outcome.UNKNOWN)
            if not held and any(kept.places[fact.event_id]):
                assert told.outcome not in (Outcome.UNKNOWN, Outcome.NOT_YET)


async def test_event_of_before_a_wider_territory_is_explained_where_the_stream_has_its_case() -> None:
    asked, witness = (
        Stream(ORGANISATIONS[n], "cd93", "partner-cd93-v1", Kind.COUNCIL, 0, frozenset(communes))
        for n, communes in ((0, []), (1, ["93048"]))
    )
    facts = [
        Fact(uuid4(), Matter.APPOINTMENT, Routing(commune, uuid4(), uuid4(), "association"), PERSONS[0])
        for commune in ("93048", "93066")
    ]
    kept = Kept([witness, replace(asked, communes=frozenset({"93066"}))], facts)
    kept.streams[asked.organisation_id] = replace(asked, communes=frozenset({"93048", "93066"}))

    known = await explain_event(kept, asked.organisation_id, facts[0].event_id, AT, to_operator=False)
    del kept.places[facts[1].event_id]
    unknown = await explain_event(kept, asked.organisation_id, facts[0].event_id, AT, to_operator=False)

    assert (known.outcome, unknown) == (Outcome.BEFORE_SCOPE, Explanation(Outcome.UNKNOWN))


def test_recent_id_may_be_on_its_way_and_says_nothing_else() -> None:
    now = datetime.now(UTC)

    assert Outcome.of_absence(new_id(), now) is Outcome.NOT_YET
    assert Outcome.of_absence(new_id(), now + timedelta(minutes=2)) is Outcome.UNKNOWN
    assert Outcome.of_absence(uuid4(), now) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("state", "position", "accepted", "waits", "types", "fate"),
    [
        (State.ACTIVE, 9, True, False, None, Fate.DELIVERED),
        (State.ACTIVE, 9, False, True, None, Fate.WAITING),
        (State.ACTIVE, 2, False, False, None, Fate.WAITING),
        (State.ACTIVE, 9, False, False, None, Fate.PASSED),
        (State.PAUSED, 2, False, False, None, Fate.PAUSED),
        (State.DISABLED, 9, False, True, None, Fate.DISABLED),
        (State.PENDING, 2, False, False, None, Fate.PENDING),
        (State.PAUSED, 2, False, False, ("other",), Fate.FILTERED),
        (State.ACTIVE, 9, True, False, ("other",), Fate.DELIVERED),
    ],
)
def test_webhook_says_what_became_of_an_event(
    state: State, position: int, accepted: bool, waits: bool, types: tuple[str, ...] | None, fate: Fate
) -> None:
    webhook = Webhook(uuid4(), uuid4(), "https://x", types, state, None, position, None, None, 0, None, AT, AT)

    assert fate_of(webhook, "a.type", 5, accepted=accepted, waits=waits) is fate
    since = fate_of(webhook, "a.type", 5, accepted=accepted, waits=waits, erased=True)
    assert since is (fate if fate in {Fate.DELIVERED, Fate.FILTERED} else Fate.WITHDRAWN)
    if fate is Fate.FILTERED:
        assert fate_of(webhook, ERASED, 5, accepted=accepted, waits=waits) is not fate


def test_every_code_has_its_sentences_and_every_kind_its_rule() -> None:
    assert (set(OUTCOMES), set(FATES), set(RULES)) == (set(Outcome), set(Fate), set(PARTNERS))
    for said in [*OUTCOMES.values(), *FATES.values(), *RULES.values()]:
        assert said.fr != said.en
    document = explanation_document("asso1", Kind.ASSOCIATION, uuid4(), Explanation(Outcome.UNKNOWN), to_operator=False)
    assert "fr.maillage.registration.person.tier_changed.v1" in document["rule"]["types_withheld"]
