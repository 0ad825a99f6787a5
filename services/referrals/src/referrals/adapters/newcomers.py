"""Councils that join the sandbox: heard of in the directory, looked at a second later.

Organisations share no order on their topic: whichever of the council and the simulator is heard of last starts the
timer. Hearing again, or a replay of the topic, changes nothing: a council that was referred somebody is no newcomer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import territory
from chassis.clock import Clock
from chassis.db import Tx
from chassis.directory import OrganisationEvent
from maillage_contracts.sandbox import REFERS, simulator
from referrals.adapters.geography import departements_of
from referrals.app.welcome_council import Newcomer

NEWCOMER = "sandbox-newcomer"
"""The timer of a council that joined the sandbox."""

AFTER = timedelta(seconds=1)

# When the simulator is heard of, every council of its world known so far; else those of the events.
START = """
INSERT INTO timers (kind, aggregate_id, due_at)
SELECT $1, organisation_id, $2 FROM directory_organisations
WHERE kind = 'council' AND sandbox AND (organisation_id = ANY ($3::uuid[]) OR $4)
ORDER BY organisation_id
ON CONFLICT (kind, aggregate_id) DO NOTHING
"""
# referrals_asked: few were referred to one council of the sandbox.
FIND = """
SELECT c.code, c.territory, s.organisation_id AS simulator_id
FROM directory_organisations c, directory_organisations s
WHERE c.organisation_id = $1 AND c.kind = 'council' AND c.sandbox AND s.code = $2 AND s.sandbox
    AND NOT EXISTS (SELECT FROM referrals r WHERE r.receiver_id = $1 AND r.referrer_id = s.organisation_id)
"""


class HearOfNewcomers:
    """What the directory calls with each batch of events (chassis.directory.Directory.after)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, tx: Tx, events: Sequence[OrganisationEvent]) -> None:
        """Start the timers of councils of the sandbox."""
        fake = [event for event in events if event.sandbox]
        if fake:
            ids = [event.organisation_id for event in fake]
            opened = any(event.code == REFERS for event in fake)
            await tx.execute(START, NEWCOMER, self._clock.now() + AFTER, ids, opened)


class DirectoryNewcomers:
    """The `Newcomers` port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def find(self, organisation_id: UUID) -> Newcomer | None:
        """Return the newcomer with the first commune of its territory; a simulator is none."""
        row = await self._tx.fetchrow(FIND, organisation_id, REFERS)
        if row is None or simulator(row["code"]) is not None:
            return None
        commune = first_commune(json.loads(row["territory"]))
        return None if commune is None else Newcomer(organisation_id, row["simulator_id"], commune)


def first_commune(places: Mapping[str, Sequence[str]]) -> str | None:
    """Return the first commune of a territory, in the order of codes; None where it holds none."""
    named = {kind: frozenset(codes) for kind, codes in places.items()}
    nowhere: frozenset[str] = frozenset()
    for commune in territory.communes():
        if (
            commune.code in named.get("communes", nowhere)
            or commune.collectivity in named.get("collectivities", nowhere)
            or commune.epci in named.get("epcis", nowhere)
            # A number that several collectivities share means the one that departements_of says.
            or commune.departement
            in named.get("departements", nowhere).intersection(departements_of(commune.collectivity))
        ):
            return commune.code
    return None
