"""Maillage's writing side: each word on the pipe is a command, whose transaction writes an event; the relay sends it.

As in a service, command and relay share the process: the commit rings the relay's doorbell.
"""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from tests.load.arms.ours import freeze, open_relay, settings_of
from tests.load.arms.wire import Meter, Wire, run
from tests.load.records import COMMUNE, outbox_rows

from chassis.db import Database
from chassis.errors import DependencyDown
from chassis.ids import new_id
from chassis.outbox import Doorbell, append
from chassis.testing.events import COUNCIL

RETRY_SECONDS = 0.1


async def main(wire: Wire) -> None:
    """Commit what is asked until told to stop."""
    settings = settings_of(wire.config)
    database = Database(wire.config["dsn"], size=8, application="bench-service")
    await database.open()
    doorbell = Doorbell()
    relay = await open_relay(settings, database, doorbell)
    running = asyncio.create_task(relay.run())
    council = UUID(wire.config.get("council", str(COUNCIL)))
    events: int = wire.config["events"]
    rows = list(outbox_rows(events, wire.config["topic"], council))
    # Where the bench asks for it, a flood whose commits are not looked at: of one aggregate, or of one each.
    rows += outbox_rows(
        wire.config.get("flood", 0),
        wire.config["topic"],
        council,
        referral_id=None if wire.config.get("flood_spread") else new_id(),
        commune=wire.config.get("flood_commune", COMMUNE),
    )
    committed: dict[str, int] = {}

    async def command(n: int) -> None:
        row = rows[n]
        while True:
            try:
                async with database.transaction() as tx:
                    await append(tx, row)
                break
            except DependencyDown:
                # No connection in time: whoever asked is told to come back, and does.
                await asyncio.sleep(RETRY_SECONDS)
        if n < events:
            committed[str(row.id)] = time.monotonic_ns()
        doorbell.ring()

    freeze()
    await wire.ready()
    meter = Meter()
    async with asyncio.TaskGroup() as tasks:
        async for word in wire.words():
            tasks.create_task(command(int(word)))
    # The bench says stop once every effect was seen: the relay has nothing left.
    wire.say(**meter.read(), times=committed)
    running.cancel()


if __name__ == "__main__":
    run(main)
