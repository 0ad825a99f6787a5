"""Bring a service's database to this version's schema: numbered SQL files, in order, once each.

Forward only. A file that was applied is recorded with its checksum: a changed one is refused, never re-run. Two
processes that migrate at once meet at an advisory lock. The chassis's own files come first, under its own name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from chassis.errors import SettingsRefused

MIGRATION_LOCK = 0x6D69_6772
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
"""A migration that cannot have its table lock soon must not queue everybody else behind it."""

INSERT_ONLY_TABLES = ("audit", "dead_letter_acts")
"""INSERT-only for the service's role."""

HISTORY = """
CREATE TABLE IF NOT EXISTS migrations (
    package text NOT NULL, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (package, name)
)
"""


class MigrationChanged(SettingsRefused):
    """A migration that this database has already applied was edited afterwards; restore it and add a new file."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file of a package."""

    package: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Return the checksum of the file's text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(package: str) -> list[Migration]:
    """Return the chassis's files, then those of `package`, each in order of their numbers."""
    found: list[Migration] = []
    own = [(package, "migrations")] if package != "chassis" else []
    for owner, folder in (("chassis", "sql"), *own):
        entries = [e for e in files(owner).joinpath(folder).iterdir() if e.name.endswith(".sql")]
        found += [Migration(owner, e.name, e.read_text("utf-8")) for e in sorted(entries, key=lambda e: e.name)]
    return found


async def migrate(dsn: str, package: str, role: str | None = None) -> list[str]:
    """Apply what is missing for service `package`, and let `role` use it; return the names applied.

    `dsn` is the owner's, usually the administrator's: the service's own role can write rows but not change the
    schema, and can only add to the audit.
    """
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        await connection.execute(HISTORY)
        rows = await connection.fetch("SELECT package, name, sha256 FROM migrations")
        applied = {(row["package"], row["name"]): row["sha256"] for row in rows}
        missing = [m for m in migrations_of(package) if not _is_applied(m, applied)]
        for migration in missing:
            async with connection.transaction():
                await connection.execute(LOCK_TIMEOUT)
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migrations (package, name, sha256) VALUES ($1, $2, $3)",
                    migration.package, migration.name, migration.sha256,
                )  # fmt: skip
        if role is not None:
            # Every time, and as one: a start that was interrupted here must not leave a service without its rights,
            # or with more than its rights.
            async with connection.transaction():
                await _grant(connection, role)
        return [f"{m.package}/{m.name}" for m in missing]
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database's schema stands to this version's, by package/name."""

    applied: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    """Applied, but not by this version: of a newer one, or with another text."""


async def standing(connection: asyncpg.Connection[asyncpg.Record], package: str) -> Standing:
    """Return what service `package`'s database has had and still needs; only reads, as the service's own role may."""
    rows = await connection.fetch("SELECT package, name, sha256 FROM migrations ORDER BY package, name")
    applied = {f"{row['package']}/{row['name']}": str(row["sha256"]) for row in rows}
    wanted = {f"{one.package}/{one.name}": one.sha256 for one in migrations_of(package)}
    return Standing(
        tuple(applied),
        tuple(name for name in wanted if name not in applied),
        tuple(name for name, sha256 in applied.items() if wanted.get(name) != sha256),
    )


def _is_applied(migration: Migration, applied: dict[tuple[str, str], str]) -> bool:
    known = applied.get((migration.package, migration.name))
    if known is not None and known != migration.sha256:
        raise MigrationChanged(f"{migration.package}/{migration.name} was edited after it had been applied")
    return known is not None


async def _grant(connection: asyncpg.Connection[asyncpg.Record], role: str) -> None:
    # GRANT takes no parameters: format() quotes the names in the server.
    for template, names in (
        ("GRANT USAGE ON SCHEMA public TO %I", [role]),
        ("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I", [role]),
        ("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I", [role]),
        *(("REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM %I", [table, role]) for table in INSERT_ONLY_TABLES),
        ("REVOKE ALL ON migrations FROM %I", [role]),
        ("GRANT SELECT ON migrations TO %I", [role]),
    ):
        await connection.execute(await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", template, names))
