"""No longer want an organisation's access to Kafka; the broker follows in the background."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from partners.app.kafka_ports import KafkaAccess, KafkaAccesses
from partners.domain.errors import NotFound


async def withdraw_kafka_access(accesses: KafkaAccesses, code: str, at: datetime) -> KafkaAccess:
    """Stop writing to the topic now, and have rights and user removed; raises NotFound where nothing was granted."""
    found = await accesses.find(code)
    # Looked at again once locked: the broker's side may just have moved on.
    access = None if found is None else await accesses.lock(found.organisation_id)
    if access is None:
        raise NotFound
    if access.state in ("requested", "granted"):
        await accesses.stop_publishing(access.organisation_id)
        await accesses.settle(access.organisation_id, "revoking", at)
        return replace(access, state="revoking", ready=False)
    return access
