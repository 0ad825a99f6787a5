"""Reads the file of the first API clients at start, and stores it as soon as the database answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chassis.errors import SettingsRefused
from chassis.runtime import Runtime
from partners.adapters.postgres.clients import PostgresClients
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.postgres.streams import PostgresStreams
from partners.app.load_bootstrap_clients import BootstrapClient, load_bootstrap_clients

CHECK = "bootstrap_clients"
"""The name of the readiness check: without these clients no service can ask another."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
    secret_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    organisation_code: Annotated[str, Field(pattern=r"^[a-z0-9]{2,20}$")]
    scopes: list[str]


_ENTRIES = TypeAdapter(list[_Entry])


def read_bootstrap_clients(path: Path) -> list[BootstrapClient]:
    """Read the file, or raise SettingsRefused naming what is wrong, never a value."""
    try:
        entries = _ENTRIES.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsRefused(f"MAILLAGE_BOOTSTRAP_CLIENTS_FILE: cannot read {path} ({error.strerror})") from None
    except ValidationError as error:
        places = ", ".join(".".join(map(str, fault["loc"])) or "file" for fault in error.errors(include_input=False))
        raise SettingsRefused(f"MAILLAGE_BOOTSTRAP_CLIENTS_FILE: {path} is malformed at {places}") from None
    return [
        BootstrapClient(e.client_id, bytes.fromhex(e.secret_sha256), e.organisation_code, frozenset(e.scopes))
        for e in entries
    ]


class Bootstrap:
    """Stores the clients once, then rests; readiness is red until then."""

    def __init__(self, runtime: Runtime, clients: list[BootstrapClient]) -> None:
        self._runtime = runtime
        self._clients = clients
        self._stored = False
        runtime.health.register(CHECK, lambda: None if self._stored else "not stored yet")

    async def run(self) -> None:
        """Store them; raises DependencyDown while the database is away, to be run again."""
        async with self._runtime.background_db.transaction() as tx:
            # Two replicas that start at once would add the same organisations.
            await PostgresStreams(tx).enter_gate(alone=True)
            await load_bootstrap_clients(
                PostgresOrganisations(tx), PostgresClients(tx), self._clients, self._runtime.clock.now()
            )
        self._stored = True
        await asyncio.Event().wait()
