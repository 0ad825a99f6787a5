"""Forgets what people typed and did not send, and sessions that are over: hourly, whether anybody comes or not."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from chassis.db import Database
from chassis.runtime import Runtime
from portal.adapters.plan_drafts import EXPIRE as EXPIRE_PLANS
from portal.adapters.postgres import DRAFT_DAYS, EXPIRE_DRAFTS, transaction
from portal.domain.errors import ServiceSilent

log = structlog.get_logger(__name__)

EVERY_SECONDS = 3600.0
"""Nothing older is ever read: an hour is how long a row may outlive that."""

# Index sessions_expiry.
EXPIRE_SESSIONS = "DELETE FROM sessions WHERE expires_at <= $1"


async def forget_old(database: Database, now: datetime) -> None:
    """Delete sessions that are over, and drafts nobody touched for DRAFT_DAYS. Raises ServiceSilent."""
    async with transaction(database) as tx:
        await tx.execute(EXPIRE_SESSIONS, now)
        for statement in (EXPIRE_DRAFTS, EXPIRE_PLANS):
            await tx.execute(statement, now - timedelta(days=DRAFT_DAYS))


class Forgetting:
    """Runs for as long as the process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def run(self) -> None:
        """Forget now and every EVERY_SECONDS; what fails is tried again."""
        while True:
            try:
                await forget_old(self._runtime.background_db, self._runtime.clock.now())
            except ServiceSilent:
                log.warning("forgetting_put_off")
            await asyncio.sleep(EVERY_SECONDS)
