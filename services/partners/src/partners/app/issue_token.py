"""Decide what an access token says: for a client itself, or for a member in whose name the portal acts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from partners.app.ports import Clients, Members
from partners.domain.access import ACT_FOR_MEMBERS, PROGRAMS_ONLY, SCOPES, Client, narrowed
from partners.domain.errors import NotFound, ScopeNotAllowed
from partners.domain.organisation import Organisation


@dataclass(frozen=True, slots=True)
class Grant:
    """Who a token speaks for and what it allows."""

    client_id: str
    subject: str
    organisation: Organisation
    scopes: frozenset[str]


async def authenticate(clients: Clients, client_id: str, secret: str) -> tuple[Client, Organisation] | None:
    """Return the client whose secret this is; None, without saying why, otherwise."""
    found = await clients.find(client_id)
    if found is None:
        return None
    client, organisation = found
    return (client, organisation) if client.proves(secret) else None


def grant_to_client(client: Client, organisation: Organisation, asked: Iterable[str] | None) -> Grant:
    """Grant a client what it asks of its own scopes; raises ScopeNotAllowed."""
    return Grant(client.client_id, client.client_id, organisation, narrowed(client.scopes, asked))


async def grant_to_member(members: Members, client: Client, member_id: UUID, asked: Iterable[str] | None) -> Grant:
    """Grant a member's own scopes to the client that acts for them.

    Raises ScopeNotAllowed where the client may not, NotFound for an unknown member.
    """
    if ACT_FOR_MEMBERS not in client.scopes:
        raise ScopeNotAllowed
    found = await members.find(member_id)
    if found is None:
        raise NotFound
    member, organisation = found
    scopes = narrowed(SCOPES[organisation.kind] - PROGRAMS_ONLY, asked)
    return Grant(client.client_id, str(member.member_id), organisation, scopes)
