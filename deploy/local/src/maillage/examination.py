"""Doctor's questions to what runs: is anything stuck between a database and Kafka, do the clocks agree."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import asyncpg

from maillage.checks import Check, fail, ok, warn
from maillage.databases import dsn_of
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES
from maillage.settings import LocalSettings

CLOCK_SECONDS_MAX = 5.0
"""Tokens live 300 s and accept 60 s; much less already confuses whoever compares logs."""
OUTBOX_SECONDS_MAX = 30.0
"""A row normally leaves within milliseconds; a broker that restarts takes 13 s."""
LAG_RECORDS_MAX = 10_000

# The primary key (position) finds the oldest row; the other two tables are small unless something is wrong.
STATE = """
SELECT extract(epoch FROM now())::float8 AS clock,
       (SELECT extract(epoch FROM now() - created_at)::float8 FROM outbox ORDER BY position LIMIT 1) AS oldest,
       (SELECT count(*) FROM outbox) AS waiting,
       (SELECT count(*) FROM outbox_parked) AS parked,
       (SELECT count(*) FROM dead_letters) AS letters
"""


def examine_databases(settings: LocalSettings) -> Iterable[Check]:
    """Return what each service's database tells of its clock, outbox and dead letters."""
    return asyncio.run(_examine_all(settings))


async def _examine_all(settings: LocalSettings) -> list[Check]:
    found = await asyncio.gather(*(_examine_one(settings, service) for service in SERVICE_NAMES))
    drifts = [drift for _, drift in found if drift is not None]
    checks = [check for checks, _ in found for check in checks]
    if drifts:
        drift = max(drifts, key=abs)
        text = f"écart de {abs(drift):.1f} s avec PostgreSQL · apart"
        remedy = "réglez l'heure de cette machine (NTP)"
        checks.insert(0, ok("clock", text) if abs(drift) < CLOCK_SECONDS_MAX else fail("clock", text, remedy))
    return checks


async def _examine_one(settings: LocalSettings, service: str) -> tuple[list[Check], float | None]:
    name = f"outbox {service}"
    try:
        connection = await asyncpg.connect(dsn_of(settings, service), timeout=5)
        try:
            row = await connection.fetchrow(STATE)
        finally:
            await connection.close()
    except asyncpg.UndefinedTableError:
        return [ok(name, "ce service n'a pas de boîte d'envoi · none")], None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [fail(name, f"base illisible ({type(error).__name__}) · unreadable", "maillage logs postgres")], None
    if row is None:
        return [], None
    return [_outbox(name, service, row), _letters(service, row)], time.time() - float(row["clock"])


def _outbox(name: str, service: str, row: asyncpg.Record) -> Check:
    oldest = float(row["oldest"] or 0.0)
    text = f"{row['waiting']} en attente, la plus ancienne depuis {oldest:.0f} s · waiting"
    if row["parked"]:
        return fail(name, f"{row['parked']} refusées par Kafka · refused by Kafka", f"maillage logs {service}")
    if oldest > OUTBOX_SECONDS_MAX:
        return fail(name, text, f"maillage logs {service} ; maillage logs kafka")
    return ok(name, text)


def _letters(service: str, row: asyncpg.Record) -> Check:
    name = f"dead letters {service}"
    if row["letters"]:
        text = f"{row['letters']} événements mis de côté · set aside"
        return warn(name, text, f"maillage dead-letters causes --service {service}")
    return ok(name, "aucun · none")


def examine_topics(settings: LocalSettings) -> Check:
    """Return whether every group of readers keeps up."""
    from maillage.topics import look

    try:
        topics = look(settings)["topics"]
    except Refusal as refusal:
        return fail("lag", refusal.sentence, refusal.remedy)
    lags = {group["group"]: int(group["lag"]) for topic in topics for group in topic["groups"]}
    if not lags:
        return ok("lag", "aucun lecteur encore · no reader yet")
    group = max(lags, key=lambda name: lags[name])
    text = f"{lags[group]} événements au plus, groupe {group} · at most"
    return ok("lag", text) if lags[group] < LAG_RECORDS_MAX else warn("lag", text, "maillage topics")
