"""What the services say of the organisations that a file names: read only, through their public APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maillage.api import Client, check
from maillage.errors import Refusal
from maillage.territory.wanted import Programme, Wanted

NOT_HERE = (404, 405)
"""An older `partners` lists no clients: they are then known by the folder of secrets alone."""
PAGES_MAX = 50


@dataclass(slots=True)
class Found:
    """One organisation as it is; nothing of it where it has not joined."""

    organisation: Mapping[str, Any] | None = None
    members: Sequence[Mapping[str, Any]] = ()
    clients: Sequence[Mapping[str, Any]] = ()
    webhooks: Sequence[Mapping[str, Any]] = ()
    kafka: Mapping[str, Any] | None = None
    live_clients: frozenset[str] = field(default_factory=frozenset)
    """Of those whose secret is kept: the ids of those that are still given tokens."""


async def look(operator: Client, partners: str, wanted: Wanted) -> dict[str, Found]:
    """Return what is known of each organisation that the file names, by code."""
    listed = {one["code"]: one for one in (await operator.get(f"{partners}/organisations"))["items"]}
    codes = [one.code for one in wanted.organisations]
    found = await asyncio.gather(*(_look_at(operator, partners, code, listed.get(code)) for code in codes))
    return dict(zip(codes, found, strict=True))


async def _look_at(operator: Client, partners: str, code: str, organisation: Mapping[str, Any] | None) -> Found:
    if organisation is None:
        return Found()
    url = f"{partners}/organisations/{code}"
    members, clients, webhooks, kafka = await asyncio.gather(
        *(_what(operator, f"{url}/{what}") for what in ("members", "clients", "webhooks", "kafka-access"))
    )
    return Found(
        organisation,
        members=(members or {}).get("items", ()),
        clients=(clients or {}).get("items", ()),
        webhooks=(webhooks or {}).get("items", ()),
        kafka=kafka,
    )


async def _what(operator: Client, url: str) -> dict[str, Any] | None:
    answer = await operator.call("GET", url)
    return None if answer.status_code in NOT_HERE else dict(check(answer))


async def is_live(client: Client) -> bool:
    """Say whether a client is still given tokens: False once it was revoked, or its secret is another's."""
    try:
        await client.token()
    except Refusal as refusal:
        # The only refusal that says something about the client; a service that is away says nothing.
        if "invalid_client" in refusal.sentence:
            return False
        raise
    return True


async def sessions_of(provider: Client, training: str, programme: Programme) -> list[dict[str, Any]]:
    """Return the provider's sessions to come of the programme's theme and commune."""
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(PAGES_MAX):
        page = await provider.get(
            f"{training}/sessions", theme=programme.theme, commune=programme.commune, after=after, limit=100
        )
        found += [one for one in page["items"] if one["organisation"]["code"] == programme.provider]
        after = page["cursor"]
        if after is None:
            break
    return found
