"""Sees whether an organisation's user can really log in and see its topic, as the organisation will.

The broker answers that it created a user before all of its parts know it (its caches follow the metadata log), so only
trying tells. Where the partners' address cannot be reached from here, nobody can tell, and the answer is taken as yes;
a certificate that a partner's client would refuse is no such case.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from chassis.errors import DependencyDown
from partners.adapters.partner_listener import PartnerListener

log = structlog.get_logger(__name__)

TRIES = 20
PAUSE_SECONDS = 0.1
REACH_SECONDS = 2.0


async def verify_login(listener: PartnerListener, user: str, password: str, topic: str) -> None:
    """Return once the user sees the topic; raises DependencyDown when that takes longer than some seconds."""
    if not await _reachable(listener):
        log.warning("kafka_login_not_verified", topic=topic)
        return
    for _ in range(TRIES):
        if await _sees(listener, user, password, topic):
            return
        await asyncio.sleep(PAUSE_SECONDS)
    raise DependencyDown("Kafka does not let a new user in yet")


async def _reachable(listener: PartnerListener) -> bool:
    """Tell whether any of the addresses that partners are told answers from here."""
    for address in listener.bootstrap.split(","):
        if await _answers(address.strip(), listener):
            return True
    return False


async def _answers(address: str, listener: PartnerListener) -> bool:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return False
    try:
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=listener.ssl_context())
    except ssl.SSLError as error:
        # aiokafka would only say that no broker answers.
        raise DependencyDown(f"Partners cannot trust Kafka's listener ({error.reason})") from None
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _sees(listener: PartnerListener, user: str, password: str, topic: str) -> bool:
    client = AIOKafkaConsumer(**listener.client(user, password), group_id=None)
    try:
        await client.start()
        return topic in await client.topics()
    except (KafkaError, OSError):
        return False
    finally:
        await client.stop()
