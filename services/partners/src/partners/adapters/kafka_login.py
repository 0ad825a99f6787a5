"""Sees whether an organisation's user can really log in and see its topic, as the organisation will.

The broker answers that it created a user before all of its parts know it (its caches follow the metadata log), so only
trying tells. Where the partners' address cannot be reached from here, nobody can tell, and the answer is taken as yes.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from chassis.errors import DependencyDown

log = structlog.get_logger(__name__)

TRIES = 20
PAUSE_SECONDS = 0.1
REACH_SECONDS = 2.0


async def verify_login(bootstrap: str, user: str, password: str, topic: str) -> None:
    """Return once the user sees the topic; raises DependencyDown when that takes longer than some seconds."""
    if not await _reachable(bootstrap):
        log.warning("kafka_login_not_verified", topic=topic)
        return
    for _ in range(TRIES):
        if await _sees(bootstrap, user, password, topic):
            return
        await asyncio.sleep(PAUSE_SECONDS)
    raise DependencyDown("Kafka does not let a new user in yet")


async def _reachable(bootstrap: str) -> bool:
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    if not host or not port.isdigit():
        return False
    try:
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _sees(bootstrap: str, user: str, password: str, topic: str) -> bool:
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user,
        sasl_plain_password=password,
        group_id=None,
    )
    try:
        await client.start()
        return topic in await client.topics()
    except (KafkaError, OSError):
        return False
    finally:
        await client.stop()
