"""Make an organisation's first credentials and show them, once.

They are made at the moment they are shown: no secret waits anywhere. The request's row is locked meanwhile, so of two
who ask at once one is shown them and the other is told that they were shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from partners.app.issue_client import Issued, issue_client
from partners.app.joining_ports import JoinRequests
from partners.app.kafka_ports import KafkaAccess, KafkaAccesses
from partners.app.ports import Clients, Organisations
from partners.app.request_kafka_access import request_kafka_access
from partners.domain.errors import LinkUnknown, NotApproved
from partners.domain.organisation import Organisation


@dataclass(frozen=True, slots=True)
class Shown:
    """What its holder needs to begin."""

    organisation: Organisation
    issued: Issued
    kafka: tuple[KafkaAccess, str | None] | None


async def show_credentials(
    requests: JoinRequests,
    organisations: Organisations,
    clients: Clients,
    accesses: KafkaAccesses | None,
    link: str,
    at: datetime,
) -> Shown:
    """Return the credentials; `accesses` is None where partners have no Kafka.

    Raises LinkUnknown, NotApproved, LinkExpired, AlreadyShown.
    """
    request = await requests.lock_by_link(link)
    if request is None:
        raise LinkUnknown
    # Refused before anything is made.
    request.show("", at)
    organisation = await organisations.of_id(request.organisation_id) if request.organisation_id is not None else None
    if organisation is None:
        raise NotApproved
    issued = await issue_client(organisations, clients, organisation.code, None, at)
    await requests.save(request.show(issued.client.client_id, at))
    kafka = None if accesses is None else await request_kafka_access(organisations, accesses, organisation.code, at)
    return Shown(organisation, issued, kafka)
