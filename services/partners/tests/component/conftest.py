"""A partners process on a real PostgreSQL, without Kafka unless a test asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from chassis.db import Database
from partners.testing import Service, running

MakeDatabase = Callable[[str | None], Awaitable[str]]


@pytest.fixture
async def dsn(database: MakeDatabase) -> str:
    """A database with this service's schema."""
    return await database("partners")


@pytest.fixture
async def service(dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A running process; it consumes nothing."""
    async with running(dsn, tmp_path) as service:
        yield service


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    """The same database, seen from beside the process."""
    opened = Database(dsn, size=20, application="test")
    yield opened
    await opened.close()
