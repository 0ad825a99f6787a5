"""Give an organisation an API client; its secret is returned once and never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from chassis.ids import new_id
from partners.app.ports import Clients, Organisations
from partners.domain.access import Client, Secret, allowed_scopes, hash_of, new_client_id, new_secret
from partners.domain.errors import CodeReserved, NotFound
from partners.domain.organisation import PARTNERS


@dataclass(frozen=True, slots=True)
class Issued:
    """A new client and its secret."""

    client: Client
    secret: str


async def issue_client(
    organisations: Organisations, clients: Clients, code: str, scopes: Iterable[str] | None, at: datetime
) -> Issued:
    """Create a client with these scopes, or all that the organisation's kind may have."""
    organisation = await organisations.find(code)
    if organisation is None:
        raise NotFound
    if organisation.kind not in PARTNERS:
        # Clients of our own services come from the bootstrap file alone.
        raise CodeReserved
    text = new_secret()
    client = Client(
        new_client_id(code),
        organisation.organisation_id,
        (Secret(new_id(), hash_of(text), at),),
        allowed_scopes(organisation.kind, scopes),
        at,
    )
    await clients.add(client)
    return Issued(client, text)
