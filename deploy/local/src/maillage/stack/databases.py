"""One database and one role per service, on an embedded server or any other.

The administrator owns the database and its tables: a service's role may connect and use what migrations grant it, not
change the schema. Identifiers and secrets are quoted by the server itself (`format('%I', …)`), never by this code.
"""

from __future__ import annotations

import re

import asyncpg

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

CREATE_ROLE = "SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)"
ALTER_ROLE = "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)"
CREATE_DATABASE = "SELECT format('CREATE DATABASE %I', $1::text)"
CLOSE_DATABASE = "SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1::text)"
OPEN_DATABASE = "SELECT format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I', $1::text, $2::text)"


async def ensure_database(admin_dsn: str, name: str, role: str, password: str) -> None:
    """Create, or bring into line, a database that only `role` and administrators may connect to."""
    for identifier in (name, role):
        if not _NAME.fullmatch(identifier):
            raise ValueError("a database or role name is lower-case letters, digits and underscores")
    connection = await asyncpg.connect(admin_dsn, timeout=10)
    try:
        known_role = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
        await _run(connection, ALTER_ROLE if known_role else CREATE_ROLE, role, password)
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await _run(connection, CREATE_DATABASE, name)
        await _run(connection, CLOSE_DATABASE, name)
        await _run(connection, OPEN_DATABASE, name, role)
    finally:
        await connection.close()


async def _run(connection: asyncpg.Connection[asyncpg.Record], template: str, *arguments: str) -> None:
    await connection.execute(await connection.fetchval(template, *arguments))
