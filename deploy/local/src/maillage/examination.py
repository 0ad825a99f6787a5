"""Doctor's questions to databases and the broker: is the schema this version's, is anything stuck, do the clocks agree.

What was found is told twice: as numbers for programs, and as checks for people.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import asyncpg

from chassis.migrate import standing
from maillage.bus import bootstrap_of
from maillage.checks import Check, fail, ok, warn
from maillage.databases import dsn_to_examine
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES
from maillage.settings import LocalSettings
from maillage.spoken import MAKE_TOPICS, MIGRATE, POSTGRES_SILENT, RESTART_BROKER
from maillage.status_document import BusFacts, DatabaseFacts, GroupFacts
from maillage_contracts import TOPICS

CLOCK_SECONDS_MAX = 5.0
"""Tokens live 300 s and accept 60 s; much less already confuses whoever compares logs."""
OUTBOX_SECONDS_MAX = 30.0
"""A row normally leaves within milliseconds; a broker that restarts takes 13 s."""
LAG_RECORDS_MAX = 10_000
NAMES_SHOWN_MAX = 3

CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
# The primary key (position) finds the oldest row; the other two tables are small unless something is wrong.
STATE = """
SELECT coalesce((SELECT extract(epoch FROM now() - created_at)::float8 FROM outbox ORDER BY position LIMIT 1), 0)
           AS outbox_oldest_seconds,
       (SELECT count(*) FROM outbox) AS outbox_waiting,
       (SELECT count(*) FROM outbox_parked) AS outbox_parked,
       (SELECT count(*) FROM dead_letters) AS dead_letters
"""


def look_at_databases(settings: LocalSettings) -> list[DatabaseFacts]:
    """Return what each service's database tells of its schema, clock, outbox and dead letters."""
    return asyncio.run(_look_at_all(settings))


async def _look_at_all(settings: LocalSettings) -> list[DatabaseFacts]:
    named = {service: dsn for service in SERVICE_NAMES if (dsn := dsn_to_examine(settings, service))}
    return list(await asyncio.gather(*(_look_at(service, dsn) for service, dsn in named.items())))


async def _look_at(service: str, dsn: str) -> DatabaseFacts:
    facts: dict[str, Any] = {"service": service, "readable": False}
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            facts["clock_seconds"] = time.time() - float(await connection.fetchval(CLOCK, timeout=5))
            found = await standing(connection, service)
            facts |= {
                "migrations_applied": len(found.applied),
                "migrations_missing": list(found.missing),
                "migrations_unknown": list(found.unknown),
            }
            facts |= dict(await connection.fetchrow(STATE, timeout=5) or {})
        finally:
            await connection.close()
    except asyncpg.UndefinedTableError:
        # Without an outbox, or before its first migration: what is known until here says which.
        pass
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return DatabaseFacts(service=service, readable=False)
    return DatabaseFacts(**{**facts, "readable": True})


def database_checks(databases: list[DatabaseFacts]) -> list[Check]:
    """Return what a person must know of them."""
    drifts = [one.clock_seconds for one in databases if one.clock_seconds is not None]
    checks = [check for one in databases for check in _database(one)]
    if drifts:
        drift = max(drifts, key=abs)
        text = f"écart de {abs(drift):.1f} s avec PostgreSQL · apart"
        remedy = "réglez l'heure de cette machine (NTP)"
        checks.insert(0, ok("clock", text) if abs(drift) < CLOCK_SECONDS_MAX else fail("clock", text, remedy))
    return checks


def _database(one: DatabaseFacts) -> list[Check]:
    name = f"database {one.service}"
    if not one.readable:
        return [fail(name, "base illisible · unreadable", POSTGRES_SILENT)]
    if one.migrations_applied is None:
        return [fail(name, "aucune migration · never migrated", MIGRATE)]
    if one.migrations_missing:
        text = f"il manque {_some(one.migrations_missing)} · migrations missing"
        return [fail(name, text, MIGRATE)]
    told = ok(name, f"{one.migrations_applied} migrations, à jour · up to date")
    if one.migrations_unknown:
        text = f"{_some(one.migrations_unknown)}, inconnues de cette version · of another version"
        told = warn(name, text, "prenez la commande de la version qui tourne")
    return [told, _outbox(one), _letters(one)]


def _outbox(one: DatabaseFacts) -> Check:
    name = f"outbox {one.service}"
    if one.outbox_waiting is None:
        return ok(name, "ce service n'a pas de boîte d'envoi · none")
    oldest = one.outbox_oldest_seconds or 0.0
    if one.outbox_parked:
        text = f"{one.outbox_parked} refusées par Kafka · refused by Kafka"
        return fail(name, text, f"maillage logs {one.service}")
    text = f"{one.outbox_waiting} en attente, la plus ancienne depuis {oldest:.0f} s · waiting"
    if oldest > OUTBOX_SECONDS_MAX:
        return fail(name, text, f"maillage logs {one.service} ; maillage logs kafka")
    return ok(name, text)


def _letters(one: DatabaseFacts) -> Check:
    name = f"dead letters {one.service}"
    if one.dead_letters:
        text = f"{one.dead_letters} événements mis de côté · set aside"
        return warn(name, text, f"maillage dead-letters causes --service {one.service}")
    return ok(name, "aucun · none")


def look_at_bus(settings: LocalSettings) -> tuple[BusFacts, list[Check]]:
    """Return how the broker is and whether every group of readers keeps up, as numbers and as checks."""
    # librdkafka takes a while to load: only whoever asks for this waits for it.
    from maillage.topics import look

    try:
        topics = look(settings)["topics"]
    except Refusal as refusal:
        unread = BusFacts(bootstrap=bootstrap_of(settings), readable=False)
        return unread, [fail("topics", refusal.sentence, refusal.remedy)]
    found = {topic["name"]: topic for topic in topics}
    lags: Counter[str] = Counter()
    for topic in topics:
        lags.update({group["group"]: int(group["lag"]) for group in topic["groups"]})
    facts = BusFacts(
        bootstrap=bootstrap_of(settings),
        readable=True,
        topics=len(topics),
        topics_missing=[topic.name for topic in TOPICS if topic.name not in found],
        topics_changed=[
            topic.name
            for topic in TOPICS
            if topic.name in found and found[topic.name]["partitions"] != topic.partitions
        ],
        partitions_without_leader=sum(topic["without_leader"] for topic in topics),
        partitions_under_replicated=sum(topic["under_replicated"] for topic in topics),
        groups=[GroupFacts(group=group, lag=lag) for group, lag in sorted(lags.items())],
    )
    return facts, [_topics(facts), _lag(facts)]


def _topics(bus: BusFacts) -> Check:
    if bus.topics_missing:
        text = f"il manque {_some(bus.topics_missing)} · topics missing"
        return fail("topics", text, MAKE_TOPICS)
    if bus.partitions_without_leader:
        text = f"{bus.partitions_without_leader} partitions sans chef · without a leader"
        return fail("topics", text, RESTART_BROKER)
    if bus.topics_changed:
        text = f"{_some(bus.topics_changed)} : autre nombre de partitions · another number of partitions"
        return warn("topics", text, "recréez-les : l'ordre des événements d'une clé en dépend")
    if bus.partitions_under_replicated:
        text = f"{bus.partitions_under_replicated} partitions avec une copie en retard · a copy behind"
        return warn("topics", text, RESTART_BROKER)
    return ok("topics", f"{len(TOPICS)} sujets des contrats, {bus.topics} en tout · topics")


def _lag(bus: BusFacts) -> Check:
    if not bus.groups:
        return ok("lag", "aucun lecteur encore · no reader yet")
    worst = max(bus.groups, key=lambda group: group.lag)
    text = f"{worst.lag} événements au plus, groupe {worst.group} · at most"
    return ok("lag", text) if worst.lag < LAG_RECORDS_MAX else warn("lag", text, "maillage topics")


def _some(names: list[str]) -> str:
    more = f" … ({len(names)})" if len(names) > NAMES_SHOWN_MAX else ""
    return ", ".join(names[:NAMES_SHOWN_MAX]) + more
