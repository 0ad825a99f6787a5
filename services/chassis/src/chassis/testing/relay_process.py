"""A process that only relays: `python -m chassis.testing.relay_process`, for tests that kill or stop it.

Reads the same environment as a service. MAILLAGE_TEST_MUTANT breaks something (mutants.py).
"""

from __future__ import annotations

import asyncio

from chassis import faults
from chassis.db import Database
from chassis.kafka import RelayProducers
from chassis.lanes import Lanes
from chassis.outbox import Doorbell
from chassis.relay import Relay
from chassis.settings import ServiceSettings, load
from chassis.testing.mutants import become_mutant
from chassis.testing.shifted_time import clock_of


async def run(settings: ServiceSettings) -> None:
    """Relay the outbox of the database in the settings, for ever."""
    clock_of(settings.clock_file)
    doorbell = Doorbell()
    lanes = Lanes(RelayProducers(settings, "testing"), doorbell.wake)
    database = Database(settings.database_dsn.get_secret_value(), size=2, application="relay")
    await Relay(database, lanes, doorbell).run()


if __name__ == "__main__":
    loaded = load(ServiceSettings)
    faults.arm(loaded.fault_points)
    become_mutant()
    asyncio.run(run(loaded))
