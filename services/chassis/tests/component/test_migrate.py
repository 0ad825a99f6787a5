"""Migrations run once, in order, and refuse to be rewritten; a service's role cannot rewrite the audit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from chassis import migrate as migrations
from chassis.migrate import Migration, MigrationChanged, migrate

Make = Callable[[str | None], Awaitable[str]]


async def test_a_second_run_changes_nothing(database: Make) -> None:
    dsn = await database(None)

    first = await migrate(dsn, "chassis")

    assert first[0] == "chassis/0001_outbox.sql"
    assert first == sorted(first)
    assert await migrate(dsn, "chassis") == []


async def test_two_processes_migrate_at_once(database: Make) -> None:
    dsn = await database(None)

    results = await asyncio.gather(*(migrate(dsn, "chassis") for _ in range(3)))

    assert sorted(map(bool, results)) == [False, False, True]


async def test_an_edited_migration_is_refused(database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = await database("chassis")
    monkeypatch.setattr(migrations, "migrations_of", lambda _: [Migration("chassis", "0001_outbox.sql", "SELECT 1")])

    with pytest.raises(MigrationChanged, match=r"chassis/0001_outbox\.sql"):
        await migrate(dsn, "chassis")


async def test_a_failing_migration_leaves_nothing_behind(database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = await database(None)
    broken = Migration("chassis", "0009_broken.sql", "CREATE TABLE half (); SELECT 1/0")
    monkeypatch.setattr(migrations, "migrations_of", lambda _: [broken])

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(dsn, "chassis")

    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    assert await connection.fetchval("SELECT count(*) FROM migrations") == 0
    await connection.close()


async def test_an_interrupted_start_leaves_no_service_without_its_rights(database: Make) -> None:
    dsn = await database(None)
    owner = await asyncpg.connect(dsn)
    role = f"late_{await owner.fetchval('SELECT current_database()')}"
    await owner.execute(f'CREATE ROLE "{role}"')
    await migrate(dsn, "chassis")

    assert await migrate(dsn, "chassis", role) == []

    assert await owner.fetchval("SELECT has_table_privilege($1, 'outbox', 'INSERT')", role)
    assert not await owner.fetchval("SELECT has_table_privilege($1, 'audit', 'UPDATE')", role)
    await owner.execute(f'DROP OWNED BY "{role}"')
    await owner.execute(f'DROP ROLE "{role}"')
    await owner.close()


async def test_a_services_role_writes_rows_but_neither_schema_nor_past_audit(database: Make) -> None:
    dsn = await database(None)
    owner = await asyncpg.connect(dsn)
    role = f"role_{await owner.fetchval('SELECT current_database()')}"
    await owner.execute(f'CREATE ROLE "{role}"')
    await migrate(dsn, "chassis", role)

    await owner.execute(f'SET ROLE "{role}"')
    await owner.execute("INSERT INTO inbox (consumer, event_id) VALUES ('t', uuidv7())")
    assert not (await migrations.standing(owner, "chassis")).missing
    for refused in (
        "DELETE FROM audit",
        "UPDATE audit SET purpose = ''",
        "CREATE TABLE mine ()",
        "DELETE FROM migrations",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(refused)
    await owner.execute("RESET ROLE")
    await owner.execute(f'DROP OWNED BY "{role}"')
    await owner.execute(f'DROP ROLE "{role}"')
    await owner.close()


async def test_what_a_database_still_needs_and_what_this_version_does_not_know_are_told(
    database: Make,
) -> None:
    dsn = await database(None)
    await migrate(dsn, "chassis")
    connection = await asyncpg.connect(dsn)
    await connection.execute("DELETE FROM migrations WHERE name = '0001_outbox.sql'")
    await connection.execute("INSERT INTO migrations (package, name, sha256) VALUES ('chassis', '9999_later.sql', '')")

    found = await migrations.standing(connection, "chassis")

    await connection.close()
    assert found.missing == ("chassis/0001_outbox.sql",)
    assert found.unknown == ("chassis/9999_later.sql",)
    assert "chassis/9999_later.sql" in found.applied
