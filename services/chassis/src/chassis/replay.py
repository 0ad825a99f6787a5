"""Rebuild a service's projections elsewhere and compare: `python -m chassis.replay SERVICE [--what-is-left]`.

Reads the service's own environment, and MAILLAGE_REPLAY_DATABASE_DSN: an empty database that this account may fill.
Says where it is on standard output, a JSON object a line; the last one holds `result` or `refused`. Logs go to standard
error.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import Field, SecretStr

from chassis import logs
from chassis.errors import DependencyDown, SettingsRefused
from chassis.migrate import migrate
from chassis.reading import NothingToRead
from chassis.rebuild import Rebuild, ReplayRefused
from chassis.settings import DeclaredSettings, load
from chassis.telemetry import ENDPOINT_VARIABLES

LIVE = "MAILLAGE_DATABASE_DSN"
LEFT = "--what-is-left"

EXIT = {"equal": 0, "contained": 0, "differs": 1, "undecided": 3}
REFUSED = 2


class ReplaySettings(DeclaredSettings):
    """What a replay reads besides the service's own settings."""

    database_dsn: SecretStr = Field(description="The service's live database, which a replay only reads.")
    replay_database_dsn: SecretStr = Field(description="An empty database that this account may fill.")


def main(arguments: list[str]) -> int:
    """Replay the service named; return 0 when equal, 1 when not, 3 when nobody can say, 2 when refused."""
    services = [argument for argument in arguments if argument != LEFT]
    if len(services) != 1:
        sys.stderr.write(f"usage: python -m chassis.replay SERVICE [{LEFT}]\n")
        return REFUSED
    # Lines for whoever started this must not be mixed with logs, which go to whatever stdout is.
    out, sys.stdout = sys.stdout, sys.stderr
    logs.configure(services[0], "WARNING")
    try:
        document = asyncio.run(_replay(services[0], out, what_is_left=LEFT in arguments))
    except ReplayRefused as error:
        return _refuse(out, error.code, str(error))
    except NothingToRead as error:
        return _refuse(out, "no_topics", str(error))
    except SettingsRefused as error:
        return _refuse(out, "settings", str(error))
    except (OSError, KafkaError, DependencyDown, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return _refuse(out, "unreachable", type(error).__name__)
    _say(out, {"result": document})
    return EXIT[document["verdict"]]


async def _replay(service: str, out: TextIO, *, what_is_left: bool) -> dict[str, Any]:
    settings = load(ReplaySettings)
    live, elsewhere = settings.database_dsn.get_secret_value(), settings.replay_database_dsn.get_secret_value()
    # What the service composes itself on is the empty database: it never holds the address of the live one. Its spans
    # would tell of work that nobody did.
    os.environ[LIVE] = elsewhere
    for name in ENDPOINT_VARIABLES:
        os.environ.pop(name, None)
    await _bring_up_to_date(elsewhere, service)
    app = importlib.import_module(f"{service}.main").create_app()
    rebuild = Rebuild(app, live, lambda line: _say(out, line))
    result = await rebuild.run(what_is_left=what_is_left)
    return {"service": service, **result.document(), "not_rebuilt": dict(app.state.parts.projections.not_rebuilt)}


async def _bring_up_to_date(dsn: str, service: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        prepared = await connection.fetchval("SELECT to_regclass('inbox') IS NOT NULL")
    finally:
        await connection.close()
    if not prepared:
        await migrate(dsn, service)


def _refuse(out: TextIO, code: str, message: str) -> int:
    _say(out, {"refused": code, "message": message})
    return REFUSED


def _say(out: TextIO, line: Mapping[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
