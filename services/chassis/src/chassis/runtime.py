"""The parts that a service process is made of, built once from its settings and handed to its adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Request

from chassis.admission import Gate
from chassis.auth import ServiceTokens, TokenVerifier
from chassis.clock import Clock, ShiftedClock, SystemClock
from chassis.consumer import Processor
from chassis.crypto import Vault
from chassis.db import HTTP_STATEMENT_TIMEOUT_MS, Database, Tx
from chassis.directory import Directory
from chassis.errors import SettingsRefused
from chassis.faults import fault_point
from chassis.health import Health
from chassis.outbox import Doorbell
from chassis.settings import ServiceSettings, read_secret

BACKGROUND_POOL_SIZE = 4
"""Connections for consumers, timers and claim checks: apart from HTTP's, so that neither starves the other."""


@dataclass
class Runtime:
    """What adapters may use. `db` serves HTTP; `background_db` serves consumers, timers and claim checks."""

    service: str
    settings: ServiceSettings
    clock: Clock
    db: Database
    background_db: Database
    doorbell: Doorbell
    tokens: TokenVerifier
    directory: Directory
    health: Health
    gate: Gate
    processors: list[Processor] = field(default_factory=list)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a command's transaction, and ring the relay after its commit."""
        async with self.db.transaction() as tx:
            yield tx
            fault_point("api.before_commit")
        fault_point("api.committed")
        self.doorbell.ring()

    @asynccontextmanager
    async def at_once(self) -> AsyncIterator[Tx]:
        """Lend a connection for a command that is one statement, which commits by itself; ring the relay after it."""
        async with self.db.connection() as connection:
            fault_point("api.before_commit")
            yield connection
        fault_point("api.committed")
        self.doorbell.ring()

    def vault(self) -> Vault:
        """Return the vault of this service's master key; raises SettingsRefused when the key is missing."""
        if self.settings.master_key_file is None:
            raise SettingsRefused(
                "MAILLAGE_MASTER_KEY_FILE is not set: name the file that holds this service's master key"
            )
        return Vault.from_file(self.settings.master_key_file)

    def service_tokens(self) -> ServiceTokens:
        """Return the source of this service's own access token."""
        secret = read_secret(self.settings.client_secret_file, "MAILLAGE_CLIENT_SECRET_FILE")
        return ServiceTokens(self.settings.token_url, self.settings.client_id, secret, self.clock)


def build_runtime(service: str, settings: ServiceSettings, clock: Clock | None = None) -> Runtime:
    """Build the parts; opens nothing."""
    clock = clock or (ShiftedClock(settings.clock_file) if settings.clock_file is not None else SystemClock())
    dsn = settings.database_dsn.get_secret_value()
    background = Database(dsn, size=BACKGROUND_POOL_SIZE, application=f"{service}-background")
    directory = Directory(background, clock)
    return Runtime(
        service=service,
        settings=settings,
        clock=clock,
        db=Database(
            dsn,
            size=settings.database_pool_size,
            application=service,
            statement_timeout_ms=HTTP_STATEMENT_TIMEOUT_MS,
        ),
        background_db=background,
        doorbell=Doorbell(),
        tokens=TokenVerifier(settings.jwks_url, settings.token_issuer, clock, directory.is_revoked),
        directory=directory,
        health=Health(service),
        gate=Gate(settings.http_in_progress_max),
    )


async def runtime_of(request: Request) -> Runtime:
    """Give a route its process's runtime (a FastAPI dependency: a plain function would be run in a thread)."""
    found: Runtime = request.app.state.runtime
    return found
