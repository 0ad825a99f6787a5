"""One of several consumers of a group, as FastStream's documentation leads to: it joins and leaves, or is static."""

from __future__ import annotations

import asyncpg
from tests.load.arms.tutorial_consumer import build
from tests.load.arms.wire import Marks, Wire, run, until_terminated


async def main(wire: Wire) -> None:
    """Consume until SIGTERM."""
    instance = wire.config["instance"] if wire.config["is_static"] else None
    async with asyncpg.create_pool(wire.config["dsn"]) as pool:
        broker = build(wire, pool, Marks(wire.config["expected"]), instance)
        await wire.ready()
        await broker.start()
        await until_terminated()
        await broker.stop()


if __name__ == "__main__":
    run(main)
