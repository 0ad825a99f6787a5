"""Give the platform's own services, the portal and the operator their API clients, from a file of hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.ids import new_id
from partners.app.ports import Clients, Organisations
from partners.domain.access import Client, Secret
from partners.domain.organisation import Details, Kind, Organisation, Territory


@dataclass(frozen=True, slots=True)
class BootstrapClient:
    """One client of the file; only the hash of its secret is known here."""

    client_id: str
    secret_sha256: bytes
    organisation_code: str
    scopes: frozenset[str]


async def load_bootstrap_clients(
    organisations: Organisations, clients: Clients, wanted: Sequence[BootstrapClient], at: datetime
) -> None:
    """Make each client what the file says; a client that was revoked stays revoked."""
    for one in wanted:
        organisation = await organisations.lock(one.organisation_code)
        if organisation is None:
            organisation = _platform_organisation(one, at)
            await organisations.add(organisation)
        secret = Secret(new_id(), one.secret_sha256, at)
        await clients.replace(Client(one.client_id, organisation.organisation_id, (secret,), one.scopes, at))


def _platform_organisation(one: BootstrapClient, at: datetime) -> Organisation:
    # No event tells of it: other services know organisations one can refer to, and it is none.
    kind = Kind.OPERATOR if "operations" in one.scopes else Kind.SERVICE
    details = Details(one.organisation_code, "", "", Territory())
    return Organisation(new_id(), one.organisation_code, kind, details, 1, new_id(), at)
