"""Decide what an access token says: for a client itself, or for a member in whose name the portal acts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from partners.app.ports import Clients, Members
from partners.domain.access import ACT_FOR_MEMBERS, Client, Secret, member_scopes, narrowed
from partners.domain.errors import NotFound, ScopeNotAllowed
from partners.domain.organisation import Organisation


@dataclass(frozen=True, slots=True)
class Grant:
    """Who a token speaks for and what it allows."""

    client_id: str
    subject: str
    organisation: Organisation
    scopes: frozenset[str]
    grant_id: UUID
    """On what it is issued: a secret, or a member's role. When that ends, the token is refused."""
    until: datetime | None = None
    """When the secret expires, which no token of it outlives."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A client, and the secret that it was proven by."""

    client: Client
    organisation: Organisation
    secret: Secret


async def authenticate(clients: Clients, client_id: str, text: str, at: datetime) -> Proven | None:
    """Return the client whose secret this is; None, without saying why, otherwise. Its use is noted once a minute."""
    found = await clients.find(client_id, at)
    if found is None:
        return None
    client, organisation = found
    secret = client.proven_by(text, at)
    if secret is None:
        return None
    if secret.unnoted(at):
        await clients.note_use(secret.secret_id, at)
    return Proven(client, organisation, secret)


def grant_to_client(proven: Proven, asked: Iterable[str] | None) -> Grant:
    """Grant a client what it asks of its own scopes; raises ScopeNotAllowed."""
    client = proven.client
    scopes = narrowed(client.scopes, asked)
    secret = proven.secret
    return Grant(
        client.client_id, client.client_id, proven.organisation, scopes, secret.secret_id, until=secret.expires_at
    )


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
    scopes = narrowed(member_scopes(organisation.kind, member.role), asked)
    return Grant(client.client_id, str(member.member_id), organisation, scopes, member.grant_id)
