"""Streams while events and territories change at the same time, over real communes on a real PostgreSQL.

Projections and scope edits write the order of their commits beside, still inside their locks; an oracle that knows the
rule of scope and nothing of the implementation replays that order. Readers follow with cursors meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import territory as geography
from chassis.clock import MovableClock
from chassis.consumer import Processor, Subscription
from chassis.crypto import Vault
from chassis.db import Database, Tx
from chassis.ids import new_id
from chassis.outbox import Doorbell
from chassis.records import Delivery, Source
from chassis.testing.events import AT, source_of_event
from maillage_contracts import (
    Event,
    ReferralAccepted,
    ReferralDeclined,
    ReferralReceived,
    ReferralSubmitted,
    Routing,
)
from partners.adapters.events import OutboxPublisher, ScopeEvents
from partners.adapters.feed import FeedDoorbell, PostgresFeed
from partners.adapters.postgres.kafka_accesses import PostgresKafkaAccesses
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.postgres.referrals import PostgresReferrals
from partners.adapters.postgres.streams import PostgresStreams
from partners.adapters.subscribers import subscriptions
from partners.app.change_territory import change_territory
from partners.app.organisation_desk import Desk
from partners.app.read_feed import read_feed
from partners.app.register_organisation import register_organisation
from partners.domain.errors import JurisdictionTaken
from partners.domain.organisation import Details, Kind, Territory

COUNCILS = ("cd01", "cd02", "cd03")
ASSOCIATION = "asso01"
LEFT = "fr.maillage.partners.stream.left_scope.v1"
SNAPSHOT = "fr.maillage.partners.stream.snapshot.v1"

# Montreuil, Bondy, Créteil, Vitry, Lyon (in the Métropole), Villefranche (not in it), Strasbourg, Ajaccio.
COMMUNES = ("93048", "93010", "94028", "94081", "69123", "69264", "67482", "2A004")
EPCIS = tuple(sorted({epci for code in COMMUNES if (epci := geography.commune(code).epci)}))

territories = st.builds(
    Territory.of,
    communes=st.lists(st.sampled_from(COMMUNES), max_size=3),
    epcis=st.lists(st.sampled_from(EPCIS), max_size=1),
    collectivities=st.lists(st.sampled_from(["69M", "6AE", "20R", "94D"]), max_size=1),
)


@dataclass(frozen=True)
class Life:
    """A referral's commune, and how far it goes."""

    commune: str
    facts: tuple[type[Event], ...]


lives = st.builds(
    Life,
    st.sampled_from(COMMUNES),
    st.sampled_from(
        [
            (ReferralSubmitted,),
            (ReferralSubmitted, ReferralReceived),
            (ReferralSubmitted, ReferralReceived, ReferralAccepted),
            (ReferralSubmitted, ReferralDeclined),
        ]
    ),
)


@dataclass(frozen=True)
class Plan:
    """What happens, and how it is stirred."""

    starts: list[Territory]
    lives: list[Life]
    edits: list[tuple[str, Territory]]
    batch: int
    page: int
    kafka_after: int
    """Batches handled before two organisations are put on Kafka."""
    pauses: list[int]
    """Milliseconds, taken in turn, for which transactions stay open."""


plans = st.builds(
    Plan,
    starts=st.lists(territories, min_size=len(COUNCILS), max_size=len(COUNCILS)),
    lives=st.lists(lives, min_size=1, max_size=10),
    edits=st.lists(st.tuples(st.sampled_from(COUNCILS), territories), max_size=8),
    batch=st.integers(1, 5),
    page=st.integers(1, 4),
    kafka_after=st.integers(0, 6),
    pauses=st.lists(st.integers(0, 4), min_size=1, max_size=12),
)


@dataclass
class Oracle:
    """What a council's stream must be, from the order of commits alone."""

    territory: Territory
    known: dict[UUID, tuple[str, bool]] = field(default_factory=dict)
    followed: set[UUID] = field(default_factory=set)
    expected: list[set[tuple[str, UUID]]] = field(default_factory=list)
    """Blocks in order; inside a block of a scope edit the order is free."""

    def project(self, event_id: UUID, event: Any) -> None:
        is_open = not isinstance(event, ReferralDeclined)
        self.known[event.referral_id] = (event.routing.commune, is_open)
        if geography.covers(self.territory, event.routing.commune):
            self.expected.append({(event.event_type, event.referral_id)})
            self.followed.add(event.referral_id)

    def edit(self, wanted: Territory) -> None:
        before, self.territory = self.territory, wanted
        block: set[tuple[str, UUID]] = set()
        for referral, (commune, is_open) in self.known.items():
            was, now = geography.covers(before, commune), geography.covers(wanted, commune)
            if was and not now and referral in self.followed:
                block.add((LEFT, referral))
                self.followed.discard(referral)
            if now and not was and is_open:
                block.add((SNAPSHOT, referral))
                self.followed.add(referral)
        self.expected.append(block)

    def agrees_with(self, stream: Sequence[tuple[str, UUID]]) -> bool:
        left = deque(stream)
        for block in self.expected:
            found = {left.popleft() for _ in range(min(len(block), len(left)))}
            if found != block:
                return False
        return not left


class World:
    """One database, several workers, and the log that their transactions write."""

    def __init__(self, db: Database, plan: Plan) -> None:
        self.db = db
        self.plan = plan
        self.clock = MovableClock(AT)
        self.association = uuid4()
        self.events: dict[UUID, Any] = {}
        self._pauses = 0
        self.done = asyncio.Event()
        self.ripe = asyncio.Event()
        if not plan.kafka_after:
            self.ripe.set()
        self.handled = 0
        self.working = 2
        self.failures: list[BaseException] = []

    async def reset(self) -> None:
        async with self.db.connection() as tx:
            await tx.execute("CREATE TABLE IF NOT EXISTS commits (n bigserial, kind text, detail jsonb)")
            await tx.execute(
                "TRUNCATE organisations, clients, members, partner_stream, stream_communes, stream_events,"
                " known_referrals, kafka_accesses, outbox, inbox, dead_letters, commits RESTART IDENTITY CASCADE"
            )

    async def pause(self) -> None:
        self._pauses += 1
        await asyncio.sleep(self.plan.pauses[self._pauses % len(self.plan.pauses)] / 1000)

    async def log(self, tx: Tx, kind: str, detail: Any) -> None:
        await tx.execute("INSERT INTO commits (kind, detail) VALUES ($1, $2::jsonb)", kind, json.dumps(detail))

    def desk(self, tx: Tx) -> Desk:
        return Desk(
            PostgresOrganisations(tx),
            OutboxPublisher(tx, AT),
            PostgresStreams(tx),
            PostgresReferrals(tx),
            ScopeEvents(),
        )

    async def register(self) -> None:
        for code, kind, start in (
            (ASSOCIATION, Kind.ASSOCIATION, Territory()),
            *((code, Kind.COUNCIL, start) for code, start in zip(COUNCILS, self.plan.starts, strict=True)),
        ):
            async with self.db.transaction() as tx:
                details = Details("Exemple", "01 99 00 00 00", "1 rue de l’Exemple", Territory())
                found, _ = await register_organisation(self.desk(tx), code, kind, details, AT)
            if kind is Kind.ASSOCIATION:
                self.association = found.organisation_id
            else:
                await self.edit(code, start)

    async def edit(self, code: str, wanted: Territory) -> None:
        try:
            async with self.db.transaction() as tx:
                await change_territory(self.desk(tx), code, wanted, AT)
                await self.pause()
                await self.log(tx, "edit", [code, asdict(wanted)])
        except JurisdictionTaken:
            return

    def processor(self) -> Processor:
        referrals = subscriptions(self.clock)[0]
        many = referrals.many
        assert many is not None

        async def logged(tx: Tx, deliveries: Sequence[Delivery]) -> None:
            try:
                await many(tx, deliveries)
            except Exception as error:
                self.failures.append(error)
                raise
            await self.pause()
            await self.log(tx, "project", [str(delivery.envelope.id) for delivery in deliveries])

        subscription: Subscription = replace(referrals, many=logged)
        return Processor("partners", subscription, self.db, self.clock, Doorbell())

    def lives_of(self, worker: int, workers: int) -> list[Source]:
        """The records of one worker's referrals, interleaved; each referral's events in order."""
        queues = []
        for number, life in enumerate(self.plan.lives):
            if number % workers == worker:
                queues.append(deque(self._records(life)))
        sources = []
        while any(queues):
            for queue in queues:
                if queue:
                    sources.append(queue.popleft())
        return sources

    def _records(self, life: Life) -> list[Source]:
        referral_id = new_id()
        common = {
            "referral_id": referral_id,
            "routing": Routing(
                commune=life.commune,
                referrer_organisation_id=self.association,
                receiver_organisation_id=uuid4(),
                sender_kind="association",
            ),
        }
        details: dict[type[Event], dict[str, Any]] = {
            ReferralSubmitted: {"themes": ("numerique--acceder-a-une-connexion-internet",), "submitted_at": AT},
            ReferralReceived: {"received_at": AT},
            ReferralAccepted: {"accepted_at": AT},
            ReferralDeclined: {
                "declined_at": AT,
                "reasons": ("other",),
                "declined_by": "provider",
                "shareable_with_person": True,
            },
        }
        sources = []
        for version, model in enumerate(life.facts, 1):
            event = model(aggregate_version=version, **common, **details[model])
            event_id = new_id()
            self.events[event_id] = event
            sources.append(source_of_event(event, event_id=event_id))
        return sources

    async def work(self, worker: int) -> None:
        """Consume in batches; each batch is delivered twice."""
        processor, sources = self.processor(), self.lives_of(worker, 2)
        for start in range(0, len(sources), self.plan.batch):
            batch = sources[start : start + self.plan.batch]
            await processor.process(batch)
            await processor.process(batch)
            self.handled += 1
            if self.handled >= self.plan.kafka_after:
                self.ripe.set()
        self.working -= 1
        if not self.working:
            self.ripe.set()

    async def edit_all(self) -> None:
        for code, wanted in self.plan.edits:
            await self.edit(code, wanted)

    async def put_on_kafka(self, code: str) -> None:
        vault = Vault(bytes(32))
        async with self.db.transaction() as tx:
            organisation = await PostgresOrganisations(tx).find(code)
            assert organisation is not None
        await self.ripe.wait()
        ready = False
        while not ready:
            async with self.db.transaction() as tx:
                accesses = PostgresKafkaAccesses(tx, vault)
                ready = await accesses.publish_page(organisation.organisation_id, self.plan.page, AT)
                await self.pause()

    async def follow(self, code: str) -> list[str]:
        """Read a feed page by page until the work is done and nothing is left."""
        feed = PostgresFeed(self.db, self.db, FeedDoorbell())
        async with self.db.connection() as tx:
            organisation = await PostgresOrganisations(tx).find(code)
        assert organisation is not None
        seen: list[str] = []
        cursor = None
        while True:
            finished = self.done.is_set()
            page = await read_feed(feed, organisation.organisation_id, cursor, 2, 0)
            seen += [json.loads(row.headers)["ce_id"] for row in page.rows]
            cursor = page.cursor
            if finished and not page.rows:
                return seen
            await asyncio.sleep(0.002)


@given(plan=plans)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # A race does not shrink: the same plan may pass the next time.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_streams_are_gapless_exact_and_never_skipped_when_events_and_territories_change_at_once(
    dsn: str, plan: Plan
) -> None:
    asyncio.run(play(dsn, plan))


async def play(dsn: str, plan: Plan) -> None:
    db = Database(dsn, size=20, application="test")
    try:
        world = World(db, plan)
        await world.reset()
        await world.register()
        following = [asyncio.create_task(world.follow(code)) for code in (*COUNCILS, ASSOCIATION)]
        await asyncio.gather(
            world.work(0), world.work(1), world.edit_all(), world.put_on_kafka("cd01"), world.put_on_kafka(ASSOCIATION)
        )
        world.done.set()
        seen = await asyncio.gather(*following)
        await judge(world, dict(zip((*COUNCILS, ASSOCIATION), seen, strict=True)))
    finally:
        await db.close()


async def judge(world: World, seen: dict[str, list[str]]) -> None:
    async with world.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM dead_letters") == 0
        # Every batch went through at once: locks kept them apart, no constraint had to.
        assert world.failures == []
        commits = await tx.fetch("SELECT kind, detail FROM commits ORDER BY n")
        for code in (*COUNCILS, ASSOCIATION):
            rows = await tx.fetch(
                "SELECT e.position, e.event_id, e.ce_type, e.subject, s.last_position FROM stream_events e"
                " JOIN partner_stream s USING (organisation_id) WHERE s.code = $1 ORDER BY e.position",
                code,
            )
            assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
            assert all(row["last_position"] == len(rows) for row in rows)
            assert seen[code] == [str(row["event_id"]) for row in rows]
            stream = [(row["ce_type"], UUID(row["subject"])) for row in rows]
            if code in COUNCILS:
                oracle = replayed(world, code, commits)
                assert oracle.agrees_with(stream), (code, oracle.expected, stream)
            else:
                assert sorted(row["event_id"] for row in rows) == sorted(world.events)
            if code in ("cd01", ASSOCIATION):
                topic = f"partner-{code}-v1"
                outbox = await tx.fetch("SELECT id FROM outbox WHERE aggregatetype = $1 ORDER BY position", topic)
                assert [str(row["id"]) for row in outbox] == seen[code]


def replayed(world: World, code: str, commits: Sequence[Any]) -> Oracle:
    oracle = Oracle(Territory())
    for commit in commits:
        detail = json.loads(commit["detail"])
        if commit["kind"] == "project":
            for event_id in map(UUID, detail):
                oracle.project(event_id, world.events[event_id])
        elif detail[0] == code:
            oracle.edit(Territory.of(**detail[1]))
    return oracle
