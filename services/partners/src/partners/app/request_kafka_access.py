"""Want an organisation's access to Kafka; the broker follows in the background."""

from __future__ import annotations

from datetime import datetime

from partners.app.kafka_ports import KafkaAccess, KafkaAccesses
from partners.app.ports import Organisations
from partners.domain.access import new_secret
from partners.domain.errors import NotFound
from partners.domain.organisation import PARTNERS


async def request_kafka_access(
    organisations: Organisations, accesses: KafkaAccesses, code: str, at: datetime
) -> tuple[KafkaAccess, str | None]:
    """Return the access, and its password when this request made it: it is shown this once.

    Asking again changes nothing. While an access is being revoked, nothing new is granted: ask again after.
    """
    organisation = await organisations.lock(code)
    if organisation is None or organisation.kind not in PARTNERS:
        raise NotFound
    access = await accesses.lock(organisation.organisation_id)
    if access is not None and access.state != "revoked":
        return access, None
    password = new_secret()
    await accesses.request(organisation.organisation_id, password, at)
    access = await accesses.find(code)
    if access is None:
        raise NotFound
    return access, password
