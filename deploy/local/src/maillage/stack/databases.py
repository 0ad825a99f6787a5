"""One database and one role per service, on an embedded server or any other.

Identifiers and secrets are quoted by the server itself (`format('%I', …)`), never by this code.
"""

from __future__ import annotations

import re

import asyncpg

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

CREATE_ROLE = "SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)"
ALTER_ROLE = "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)"
CREATE_DATABASE = "SELECT format('CREATE DATABASE %I OWNER %I', $1::text, $2::text)"
OWN_DATABASE = "SELECT format('ALTER DATABASE %I OWNER TO %I', $1::text, $2::text)"
CLOSE_DATABASE = "SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1::text)"
# An administrator that is not superuser (managed servers) may only give a database to a role whose member it is.
JOIN_ROLE = "SELECT format('GRANT %I TO CURRENT_USER', $1::text)"
IS_SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"


async def ensure_database(admin_dsn: str, name: str, role: str, password: str) -> None:
    """Create, or bring into line, a database that only its owner `role` (and administrators) may connect to."""
    for identifier in (name, role):
        if not _NAME.fullmatch(identifier):
            raise ValueError("a database or role name is lower-case letters, digits and underscores")
    connection = await asyncpg.connect(admin_dsn, timeout=10)
    try:
        exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
        await _run(connection, ALTER_ROLE if exists else CREATE_ROLE, role, password)
        if not await connection.fetchval(IS_SUPERUSER):
            await _run(connection, JOIN_ROLE, role)
        owner = await connection.fetchval("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", name)
        if owner is None:
            await _run(connection, CREATE_DATABASE, name, role)
        elif owner != role:
            await _run(connection, OWN_DATABASE, name, role)
        await _run(connection, CLOSE_DATABASE, name)
        if await connection.fetchval(IS_SUPERUSER):
            await _run(connection, CLOSE_DATABASE, "postgres")
    finally:
        await connection.close()


async def _run(connection: asyncpg.Connection[asyncpg.Record], template: str, *arguments: str) -> None:
    await connection.execute(await connection.fetchval(template, *arguments))
