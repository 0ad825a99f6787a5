"""A migrated database for each test, through the same class that services use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from chassis.db import Database


@pytest.fixture
async def db(database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Database]:
    opened = Database(await database("chassis"), size=20, application="test")
    yield opened
    await opened.close()
