"""Maillage's relay, in a process of its own, until the outbox is empty."""

from __future__ import annotations

import asyncio

import asyncpg
from tests.load.arms.ours import freeze, open_relay, settings_of
from tests.load.arms.wire import Meter, Wire, run

from chassis.db import Database
from chassis.outbox import Doorbell

LOOK_SECONDS = 0.01
"""How much later than true the end may be seen."""

# From the end: the rows of the backlog's head are dead and slow to walk over.
ANY_LEFT = "SELECT position FROM outbox ORDER BY position DESC LIMIT 1"


async def main(wire: Wire) -> None:
    """Drain."""
    settings = settings_of(wire.config)
    database = Database(wire.config["dsn"], size=2, application="bench-relay")
    await database.open()
    relay = await open_relay(settings, database, Doorbell())
    watcher = await asyncpg.connect(wire.config["dsn"])
    freeze()
    await wire.ready()
    meter = Meter()
    running = asyncio.create_task(relay.run())
    while await watcher.fetchval(ANY_LEFT) is not None:
        if running.done():
            await running
        await asyncio.sleep(LOOK_SECONDS)
    wire.say(**meter.read())
    running.cancel()


if __name__ == "__main__":
    run(main)
