"""Streams of every kind while four topics, erasures and territories go their ways at the same time.

Each topic has its own worker, as it has its own consumer group. Projections and scope edits write the order of their
commits beside, still inside their locks; an oracle that knows the rules and nothing of the implementation replays it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import territory as geography
from chassis.clock import MovableClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.ids import new_id
from chassis.outbox import Doorbell
from chassis.records import Delivery, Source
from chassis.testing.events import AT, example, source_of_event
from maillage_contracts import (
    AccompanimentActivated,
    AccompanimentPlanChanged,
    AccompanimentProposed,
    AppointmentBooked,
    AppointmentMissed,
    AppointmentPostponed,
    EnrolmentConfirmed,
    EnrolmentRequested,
    Event,
    EventErased,
    PersonErased,
    PersonIdentified,
    PersonTierChanged,
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

KINDS = {
    "asso01": Kind.ASSOCIATION,
    "asso02": Kind.ASSOCIATION,
    "cd01": Kind.COUNCIL,
    "cd02": Kind.COUNCIL,
    "ft01": Kind.EMPLOYMENT_SERVICE,
    "ft02": Kind.EMPLOYMENT_SERVICE,
    "of01": Kind.TRAINING_PROVIDER,
}
COMMUNES = ("93048", "94028", "69123")
FACTS: tuple[type[Event], ...] = (
    PersonIdentified,
    PersonTierChanged,
    AccompanimentProposed,
    AccompanimentActivated,
    AccompanimentPlanChanged,
    AppointmentBooked,
    AppointmentPostponed,
    AppointmentMissed,
    EnrolmentRequested,
    EnrolmentConfirmed,
    PersonErased,
)
NOT_FOR_ASSOCIATIONS = (PersonTierChanged, AccompanimentPlanChanged, AppointmentMissed)

territories = st.builds(Territory.of, communes=st.lists(st.sampled_from(COMMUNES), max_size=3))


@dataclass(frozen=True)
class Happening:
    """One fact of one of a few people; each topic keeps the order of its own."""

    fact: type[Event]
    person: int
    commune: str
    referrer: str
    employment: str


@dataclass(frozen=True)
class Plan:
    """What happens, and how it is stirred."""

    happenings: list[Happening]
    edits: list[tuple[str, Territory]]
    batch: int
    pauses: list[int]
    """Milliseconds, taken in turn, for which transactions stay open."""


plans = st.builds(
    Plan,
    happenings=st.lists(
        st.builds(
            Happening,
            st.sampled_from(FACTS),
            st.integers(0, 2),
            st.sampled_from(COMMUNES),
            st.sampled_from(["asso01", "asso02"]),
            st.sampled_from(["ft01", "ft02", "cd01"]),
        ),
        min_size=1,
        max_size=25,
    ),
    edits=st.lists(st.tuples(st.sampled_from(["cd01", "cd02", "ft01"]), territories), max_size=6),
    batch=st.integers(1, 5),
    pauses=st.lists(st.integers(0, 4), min_size=1, max_size=12),
)


@dataclass
class Oracle:
    """What an organisation's stream must be, from the order of commits alone."""

    kind: Kind
    me: UUID
    territory: Territory = field(default_factory=Territory)
    told: set[UUID] = field(default_factory=set)
    gone: set[UUID] = field(default_factory=set)
    expected: list[UUID] = field(default_factory=list)

    def hear(self, event_id: UUID, event: Any) -> None:
        person = event.subject_ref
        if isinstance(event, PersonErased):
            mine = person in self.told
            self.gone.add(person)
        else:
            mine = person not in self.gone and self.is_mine(event)
        if mine:
            self.told.add(person)
            self.expected.append(event_id)

    def is_mine(self, event: Any) -> bool:
        routing = event.routing
        if self.kind is Kind.COUNCIL:
            return geography.covers(self.territory, routing.commune)
        if self.kind is Kind.ASSOCIATION:
            return routing.referrer_organisation_id == self.me and not isinstance(event, NOT_FOR_ASSOCIATIONS)
        if self.kind is Kind.EMPLOYMENT_SERVICE:
            return bool(routing.employment_organisation_id == self.me)
        return routing.training_organisation_id == self.me and isinstance(
            event, EnrolmentRequested | EnrolmentConfirmed
        )


class World:
    """One database, a worker a topic, and the log that their transactions write."""

    def __init__(self, db: Database, plan: Plan) -> None:
        self.db = db
        self.plan = plan
        self.clock = MovableClock(AT)
        self.ids: dict[str, UUID] = {}
        self.people = [uuid4() for _ in range(3)]
        self.referrals = [uuid4() for _ in self.people]
        self.events: dict[UUID, Any] = {}
        self.failures: list[BaseException] = []
        self._pauses = 0

    async def prepare(self) -> None:
        async with self.db.connection() as tx:
            await tx.execute("CREATE TABLE IF NOT EXISTS commits (n bigserial, kind text, detail jsonb)")
            await tx.execute(
                "TRUNCATE organisations, partner_stream, stream_events, told_persons, erased_persons, outbox, inbox,"
                " dead_letters, commits RESTART IDENTITY CASCADE"
            )
        for code, kind in KINDS.items():
            async with self.db.transaction() as tx:
                details = Details("Exemple", "01 99 00 00 00", "1 rue de l’Exemple", Territory())
                found, _ = await register_organisation(self.desk(tx), code, kind, details, AT)
            self.ids[code] = found.organisation_id
        async with self.db.connection() as tx:
            await tx.execute("UPDATE partner_stream SET kafka_ready_at = now()")

    def desk(self, tx: Tx) -> Desk:
        return Desk(
            PostgresOrganisations(tx),
            OutboxPublisher(tx, AT),
            PostgresStreams(tx),
            PostgresReferrals(tx),
            ScopeEvents(),
        )

    async def log(self, tx: Tx, kind: str, detail: Any) -> None:
        self._pauses += 1
        await asyncio.sleep(self.plan.pauses[self._pauses % len(self.plan.pauses)] / 1000)
        await tx.execute("INSERT INTO commits (kind, detail) VALUES ($1, $2::jsonb)", kind, json.dumps(detail))

    def event(self, happening: Happening) -> Event:
        fact, person = happening.fact, self.people[happening.person]
        if fact is PersonErased:
            return example(fact, subject_ref=person)
        routing = Routing(
            commune=happening.commune,
            referrer_organisation_id=self.ids[happening.referrer],
            receiver_organisation_id=uuid4(),
            sender_kind="association",
            employment_organisation_id=self.ids[happening.employment],
            training_organisation_id=self.ids["of01"],
        )
        own = {"referral_id": self.referrals[happening.person]}
        if fact.aggregate_field != "subject_ref":
            own[fact.aggregate_field] = uuid4()
        return example(fact, subject_ref=person, routing=routing, **own)

    def sources(self) -> dict[str, list[Source]]:
        found: dict[str, list[Source]] = {}
        for happening in self.plan.happenings:
            event, event_id = self.event(happening), new_id()
            self.events[event_id] = event
            found.setdefault(topic_for(event).name, []).append(source_of_event(event, event_id=event_id))
        return found

    async def work(self, subscription: Subscription, sources: Sequence[Source]) -> None:
        """Consume a topic in batches; each batch is delivered twice."""
        many = subscription.many
        assert many is not None

        async def logged(tx: Tx, deliveries: Sequence[Delivery]) -> None:
            try:
                await many(tx, deliveries)
            except Exception as error:
                self.failures.append(error)
                raise
            await self.log(tx, "project", [str(delivery.envelope.id) for delivery in deliveries])

        processor = Processor("partners", replace(subscription, many=logged), self.db, self.clock, Doorbell())
        for start in range(0, len(sources), self.plan.batch):
            for _ in range(2):
                await processor.process(sources[start : start + self.plan.batch])

    async def edit_all(self) -> None:
        for code, wanted in self.plan.edits:
            async with self.db.transaction() as tx:
                await change_territory(self.desk(tx), code, wanted, AT)
                await self.log(tx, "edit", [code, asdict(wanted)])

    async def judge(self) -> None:
        assert self.failures == []
        async with self.db.connection() as tx:
            commits = await tx.fetch("SELECT kind, detail FROM commits ORDER BY n")
            await self.judge_erasures(tx, commits)
            for code, kind in KINDS.items():
                rows = await tx.fetch(
                    "SELECT e.position, e.event_id, s.last_position FROM stream_events e"
                    " JOIN partner_stream s USING (organisation_id) WHERE s.code = $1 ORDER BY e.position",
                    code,
                )
                assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
                assert all(row["last_position"] == len(rows) for row in rows)
                oracle = Oracle(kind, self.ids[code])
                self.replay(oracle, code, commits)
                assert [row["event_id"] for row in rows] == oracle.expected, code
                topic = f"partner-{code}-v1"
                sent = await tx.fetch("SELECT id FROM outbox WHERE aggregatetype = $1 ORDER BY position", topic)
                assert [row["id"] for row in sent] == oracle.expected, code

    async def judge_erasures(self, tx: Tx, commits: Sequence[Any]) -> None:
        """Nothing but the erasure is left of whoever was erased, and nothing is missing of anybody else."""
        heard = [self.events[UUID(one)] for commit in commits if commit["kind"] == "project"
                 for one in json.loads(commit["detail"])]  # fmt: skip
        gone = {event.subject_ref for event in heard if isinstance(event, PersonErased)}
        rows = await tx.fetch("SELECT event_id, ce_type, payload FROM stream_events")
        for row in rows:
            event: Any = self.events[row["event_id"]]
            erased = event.subject_ref in gone and not isinstance(event, PersonErased)
            assert (row["ce_type"] == type_of(EventErased)) is erased, event
            assert (str(event.subject_ref).encode() in row["payload"]) is not erased
        bytes_kept = str([tuple(row) for row in rows]).encode()
        for person, referral in zip(self.people, self.referrals, strict=True):
            assert person not in gone or str(referral).encode() not in bytes_kept

    def replay(self, oracle: Oracle, code: str, commits: Sequence[Any]) -> None:
        for commit in commits:
            detail = json.loads(commit["detail"])
            if commit["kind"] == "project":
                for event_id in map(UUID, detail):
                    oracle.hear(event_id, self.events[event_id])
            elif detail[0] == code:
                oracle.territory = Territory.of(**detail[1])


@given(plan=plans)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # A race does not shrink: the same plan may pass the next time.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_streams_of_every_kind_are_gapless_and_exact_when_topics_erasures_and_territories_go_their_ways(
    dsn: str, plan: Plan
) -> None:
    asyncio.run(play(dsn, plan))


async def play(dsn: str, plan: Plan) -> None:
    db = Database(dsn, size=10, application="test")
    try:
        world = World(db, plan)
        await world.prepare()
        sources = world.sources()
        workers = [world.work(one, sources.get(one.topic, [])) for one in subscriptions(world.clock)]
        await asyncio.gather(*workers, world.edit_all())
        await world.judge()
    finally:
        await db.close()
