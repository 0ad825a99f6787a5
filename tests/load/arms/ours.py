"""What the arms of Maillage's own shapes share: the settings a service would have, and its parts, put together."""

from __future__ import annotations

import gc
from typing import Any

from pydantic import SecretStr

from chassis import telemetry
from chassis.db import Database
from chassis.kafka import RelayProducers
from chassis.lanes import Lanes
from chassis.outbox import Doorbell
from chassis.relay import Relay
from chassis.settings import ServiceSettings


def settings_of(config: dict[str, Any]) -> ServiceSettings:
    """Return a service's settings, and start tracing as a service without a collector does."""
    settings = ServiceSettings(
        stack="test", http_port=0, database_dsn=SecretStr(config["dsn"]), kafka_bootstrap=config["bootstrap"]
    )
    telemetry.configure(settings, "bench", "bench")
    return settings


async def open_relay(settings: ServiceSettings, database: Database, doorbell: Doorbell) -> Relay:
    """Return the chassis's relay with its producer connected."""
    producers = RelayProducers(settings, "bench")
    await producers.get()
    return Relay(database, Lanes(producers, doorbell.wake), doorbell)


def freeze() -> None:
    """Take what was imported out of garbage collection, as every service does once warm (chassis/app.py)."""
    gc.collect()
    gc.freeze()
