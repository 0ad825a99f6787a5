"""Give an organisation a new Kafka password; the broker follows in the background.

The broker keeps one password for a user and mechanism, so the old one ends when the new one begins: there is no time
in which both open. Connections that are open go on.
"""

from __future__ import annotations

from datetime import datetime

from partners.app.kafka_ports import KafkaAccess, KafkaAccesses
from partners.domain.access import new_secret
from partners.domain.errors import KafkaAccessBusy, NotFound


async def rotate_kafka_password(accesses: KafkaAccesses, code: str, at: datetime) -> tuple[KafkaAccess, str]:
    """Return the access and its new password, which is shown this once.

    Raises NotFound where there is no access, or one that ends; KafkaAccessBusy while the password before is not the
    broker's yet.
    """
    found = await accesses.find(code)
    access = None if found is None else await accesses.lock(found.organisation_id)
    if access is None or access.state not in ("requested", "granted"):
        raise NotFound
    if access.state == "requested":
        raise KafkaAccessBusy
    password = new_secret()
    await accesses.request(access.organisation_id, password, at)
    changed = await accesses.find(code)
    assert changed is not None  # its lock is ours
    return changed, password
