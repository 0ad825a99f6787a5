"""A thousand partners over the official communes: nobody sees outside their scope, everybody sees all inside it.

Scopes of every form: a commune, an EPCI, a département, a collectivity, a named list, and unions of these; several
partners share communes, as two programmes in one town do. An oracle that knows the rule, and asks the official
geography for nothing but where one commune lies, says what each stream must hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import territory as geography
from chassis.clock import MovableClock
from chassis.consumer import Processor
from chassis.db import Database, Tx
from chassis.ids import new_id
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, example, source_of_event
from maillage_contracts import (
    AccompanimentPlanChanged,
    AccompanimentProposed,
    AppointmentBooked,
    AppointmentMissed,
    EnrolmentConfirmed,
    Event,
    PersonIdentified,
    PersonTierChanged,
    ReferralLeftScope,
    ReferralMoved,
    ReferralReceived,
    ReferralSnapshot,
    ReferralSubmitted,
    Routing,
    topic_for,
    type_of,
)
from partners.adapters.events import OutboxPublisher, ScopeEvents
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.postgres.referrals import PostgresReferrals
from partners.adapters.postgres.streams import PostgresStreams
from partners.adapters.subscribers import subscriptions
from partners.app.change_territory import change_territory
from partners.app.organisation_desk import Desk
from partners.app.register_organisation import register_organisation
from partners.domain.organisation import Details, Kind, Territory

PARTNERS = 1_000
FACTS: tuple[type[Event], ...] = (
    ReferralSubmitted,
    ReferralReceived,
    PersonIdentified,
    PersonTierChanged,
    AccompanimentProposed,
    AccompanimentPlanChanged,
    AppointmentBooked,
    AppointmentMissed,
    EnrolmentConfirmed,
)
NOT_FOR_ASSOCIATIONS = (PersonTierChanged, AccompanimentPlanChanged, AppointmentMissed)
COMMUNES = tuple(geography.load().codes)
EPCIS = tuple(geography.load().epcis)
DEPARTEMENTS = tuple(sorted({geography.commune(code).departement for code in COMMUNES}))


@dataclass
class Partner:
    """One organisation, what it asked for, and the events that the oracle gives it."""

    code: str
    kind: Kind
    territory: Territory
    me: UUID = field(default_factory=uuid4)
    types: tuple[str, ...] | None = None
    """What it asks for; None for all of its role."""
    expected: list[UUID] = field(default_factory=list)

    def covers(self, code: str) -> bool:
        """Say whether the commune is in a council's territory, from where the commune lies alone."""
        place, asked = geography.commune(code), self.territory
        # A council's département is its collectivity: the Rhône's has nothing to do with Lyon.
        answering = {*asked.collectivities, *map(collectivity_of, asked.departements)}
        return code in asked.communes or place.epci in asked.epcis or place.collectivity in answering

    def hear(self, event_id: UUID, event: Any) -> None:
        if self.is_mine(event) and (self.types is None or event.event_type in self.types):
            self.expected.append(event_id)

    def is_mine(self, event: Any) -> bool:
        routing = event.routing
        if self.kind is Kind.COUNCIL:
            # A move is told to who sees both communes; to the others leaving and entering are.
            before = event.previous_commune if isinstance(event, ReferralMoved) else routing.commune
            return self.covers(routing.commune) and self.covers(before)
        if self.kind is Kind.ASSOCIATION:
            return routing.referrer_organisation_id == self.me and not isinstance(event, NOT_FOR_ASSOCIATIONS)
        if self.kind is Kind.EMPLOYMENT_SERVICE:
            return bool(routing.employment_organisation_id == self.me)
        return routing.training_organisation_id == self.me and isinstance(event, EnrolmentConfirmed)


@cache
def collectivity_of(departement: str) -> str:
    return geography.collectivity_of_departement(departement).code


def scope(draw: Random) -> Territory:
    """Return a territory of one of the forms that a council may have, without a collectivity: that has one council."""
    start = draw.randrange(len(COMMUNES) - 40)
    form = draw.randrange(5)
    if form == 0:
        return Territory.of(communes=[draw.choice(COMMUNES)])
    if form == 1:
        return Territory.of(epcis=[draw.choice(EPCIS)])
    if form == 2:  # an experimental territory: the communes of some streets, next to each other in the list
        return Territory.of(communes=COMMUNES[start : start + draw.randint(2, 12)])
    if form == 3:  # a programme's own list, anywhere
        return Territory.of(communes=draw.sample(COMMUNES, draw.randint(2, 30)))
    return Territory.of(communes=draw.sample(COMMUNES, 3), epcis=draw.sample(EPCIS, 2))


def population(draw: Random) -> list[Partner]:
    """Return the partners: every collectivity has its council, under one name or the other, then all sorts."""
    named: dict[str, Territory] = {each.code: Territory.of(collectivities=[each.code]) for each in collectivities()}
    for departement in DEPARTEMENTS[::2]:
        code = collectivity_of(departement)
        named[code] = Territory.of(departements=[departement])
    found = [Partner(f"cd{n}", Kind.COUNCIL, one) for n, one in enumerate(named.values())]
    kinds = (Kind.COUNCIL,) * 6 + (Kind.ASSOCIATION, Kind.ASSOCIATION, Kind.EMPLOYMENT_SERVICE, Kind.TRAINING_PROVIDER)
    while len(found) < PARTNERS:
        kind = draw.choice(kinds)
        # An employment service's territory says where it can be asked, and gives it nothing.
        has = kind in (Kind.COUNCIL, Kind.EMPLOYMENT_SERVICE)
        types = tuple(sorted(type_of(fact) for fact in draw.sample(FACTS, 4))) if draw.random() < 0.2 else None
        found.append(Partner(f"p{len(found)}", kind, scope(draw) if has else Territory(), types=types))
    return found


def collectivities() -> Iterable[Any]:
    return geography.load().collectivities.values()


class World:
    """One database with all the partners, and what was sent into it."""

    def __init__(self, db: Database, partners: list[Partner]) -> None:
        self.db = db
        self.partners = partners
        self.clock = MovableClock(AT)
        self.events: dict[UUID, Any] = {}

    def desk(self, tx: Tx) -> Desk:
        organisations, streams = PostgresOrganisations(tx), PostgresStreams(tx)
        return Desk(organisations, OutboxPublisher(tx, AT), streams, PostgresReferrals(tx), ScopeEvents())

    async def prepare(self) -> None:
        async with self.db.transaction() as tx:
            for one in self.partners:
                details = Details("Exemple", "01 99 00 00 00", "1 rue de l’Exemple", one.territory, None, one.types)
                made, _ = await register_organisation(self.desk(tx), one.code, one.kind, details, AT)
                one.me = made.organisation_id
        async with self.db.connection() as tx:  # what the server would do by itself after so many rows
            await tx.execute("ANALYZE stream_communes")

    async def move(self, edits: Sequence[tuple[Partner, Territory]]) -> None:
        for partner, wanted in edits:
            async with self.db.transaction() as tx:
                await change_territory(self.desk(tx), partner.code, wanted, AT)
            partner.territory = wanted

    async def tell(self, events: Sequence[Event], batch: int) -> None:
        """Project the events, by topic, and let the oracle hear of them in the same order."""
        by_topic: dict[str, list[Source]] = {}
        for event in events:
            event_id = new_id()
            self.events[event_id] = event
            by_topic.setdefault(topic_for(event).name, []).append(source_of_event(event, event_id=event_id))
        for subscription in subscriptions(self.clock):
            processor = Processor("partners", subscription, self.db, self.clock, Doorbell())
            sources = by_topic.get(subscription.topic, [])
            for start in range(0, len(sources), batch):
                await processor.process(sources[start : start + batch])
            for source in sources:
                event_id = UUID(next(value.decode() for name, value in source.headers if name == "ce_id" and value))
                for partner in self.partners:
                    partner.hear(event_id, self.events[event_id])

    async def judge(self) -> None:
        async with self.db.connection() as tx:
            rows = await tx.fetch(
                "SELECT organisation_id, event_id, ce_type, subject FROM stream_events"
                " ORDER BY organisation_id, position"
            )
            assert await tx.fetchval("SELECT count(*) FROM dead_letters") == 0
        streams: dict[UUID, list[UUID]] = {partner.me: [] for partner in self.partners}
        for row in rows:
            if row["ce_type"] not in (type_of(ReferralSnapshot), type_of(ReferralLeftScope)):
                streams[row["organisation_id"]].append(row["event_id"])
        for partner in self.partners:
            assert streams[partner.me] == partner.expected, (partner.code, partner.kind, partner.territory)
        self.judge_what_edits_said(rows)

    def judge_what_edits_said(self, rows: Sequence[Any]) -> None:
        """Whoever no longer follows a referral was told so, whoever does was told of it, and nobody else was."""
        submitted = {str(e.referral_id) for e in self.events.values() if isinstance(e, ReferralSubmitted)}
        told = [e for e in self.events.values() if isinstance(e, ReferralSubmitted | ReferralMoved)]
        # In the order in which they happened: where a person was last said to live.
        lies = {str(e.referral_id): e.routing.commune for e in told if str(e.referral_id) in submitted}
        last = {(row["organisation_id"], row["subject"]): row["ce_type"] for row in rows if row["subject"] in lies}
        by_id = {partner.me: partner for partner in self.partners if partner.kind is Kind.COUNCIL}
        for (me, subject), ce_type in last.items():
            if me in by_id:
                assert by_id[me].covers(lies[subject]) == (ce_type != type_of(ReferralLeftScope)), by_id[me].code
        for partner in by_id.values():
            if partner.types is None:  # by its own list of types it may have heard nothing yet
                assert not [one for one in lies if (partner.me, one) not in last and partner.covers(lies[one])]


@dataclass(frozen=True)
class Plan:
    """What one example does: a seed makes it, so that an example is small and can be repeated."""

    seed: int
    events: int
    batch: int
    edits: int


def event_of(draw: Random, partners: list[Partner], where: Sequence[str]) -> Event:
    def one(kind: Kind) -> UUID:
        return draw.choice([partner.me for partner in partners if partner.kind is kind])

    fact = draw.choice(FACTS)
    routing = Routing(
        commune=draw.choice(where),
        referrer_organisation_id=one(draw.choice([Kind.ASSOCIATION, Kind.COUNCIL])),
        receiver_organisation_id=one(Kind.COUNCIL),
        sender_kind="association",
        employment_organisation_id=draw.choice([None, one(Kind.EMPLOYMENT_SERVICE)]),
        training_organisation_id=draw.choice([None, one(Kind.TRAINING_PROVIDER)]),
    )
    return example(fact, routing=routing, **{fact.aggregate_field: uuid4()})


def moves_of(draw: Random, asked: Sequence[ReferralSubmitted], where: Sequence[str]) -> list[Event]:
    """Return what is said of persons who move: each move goes on from the one before."""
    moves: list[Event] = []
    last = {one.referral_id: (one.routing, one.aggregate_version) for one in asked}
    for one in draw.choices(asked, k=len(asked)):
        before, version = last[one.referral_id]
        routing = before.model_copy(update={"commune": draw.choice(where)})
        if routing.commune == before.commune:
            continue
        last[one.referral_id] = routing, version + 1
        moves.append(
            example(
                ReferralMoved, referral_id=one.referral_id, routing=routing, previous_commune=before.commune,
                aggregate_version=version + 1,
            )
        )  # fmt: skip
    return moves


async def play(world: World, plan: Plan) -> None:
    draw = Random(plan.seed)
    movable = [partner for partner in world.partners[200:] if partner.kind is Kind.COUNCIL]
    # Half of the events where somebody has a list of their own, the others anywhere in France.
    listed = [code for partner in draw.sample(movable, 50) for code in partner.territory.communes]
    where = (*listed, *draw.sample(COMMUNES, len(listed)))
    for part in range(2):
        events = [event_of(draw, world.partners, where) for _ in range(plan.events // 2)]
        # Some move, once or twice, in the same batch as their submission or in a later one.
        asked = [event for event in events if isinstance(event, ReferralSubmitted)]
        await world.tell([*events, *moves_of(draw, asked, where)], plan.batch)
        if part == 0:
            # Some take another's territory: they share it from now on, and are told what is open there.
            await world.move([(draw.choice(movable), draw.choice(movable).territory) for _ in range(plan.edits)])
    await world.judge()


def check(dsn: str, *, examples: int, events: int) -> None:
    """Make the partners once, then send examples into the same streams."""
    with asyncio.Runner() as runner:
        db = Database(dsn, size=4, application="test")
        world = World(db, population(Random(2026)))
        runner.run(world.prepare())

        @given(plan=st.builds(Plan, st.integers(0, 2**32), st.just(events), st.integers(1, 100), st.integers(0, 8)))
        @settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # The streams go on from one example to the next: there is nothing to shrink.
            phases=[Phase.explicit, Phase.generate],
        )
        def examine(plan: Plan) -> None:
            runner.run(play(world, plan))

        try:
            examine()
            assert sum(1 for partner in world.partners if partner.expected) > PARTNERS // 10
        finally:
            runner.run(db.close())


def test_none_of_a_thousand_partners_sees_outside_its_scope_and_each_sees_all_inside(dsn: str) -> None:
    check(dsn, examples=2, events=100)


@pytest.mark.long
@pytest.mark.timeout(1800)  # two minutes on an idle machine
def test_same_of_many_events_and_edits(dsn: str) -> None:
    check(dsn, examples=25, events=2_000)
