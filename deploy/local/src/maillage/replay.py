"""Run a service's replay in a process of its own, on an empty database made for it and dropped afterwards.

The process has the service's environment (its keys, its Kafka account) and is the service's own code; this only makes
the database, passes on how far it is, and cleans up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from chassis.errors import SettingsRefused
from chassis.migrate import migrate
from maillage.bus import bootstrap_of
from maillage.databases import dsn_for, dsn_of, name_of
from maillage.errors import Refusal
from maillage.operators import service_named
from maillage.progress import Progress
from maillage.secrets import Secrets
from maillage.services import Endpoints, environment
from maillage.settings import LocalSettings
from maillage.stack.databases import ensure_database
from maillage.stack.postgres import Postgres, PostgresConfig
from maillage.view import running

LINE_BYTES_MAX = 1024 * 1024
STOP_SECONDS = 5.0

DROP = "SELECT format('DROP DATABASE IF EXISTS %I', $1::text)"
DROP_NOW = "SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text)"

REFUSED = {
    "records_gone": (
        "Des événements ont expiré : ils ne suffisent plus à tout reconstruire · events have expired, what is left"
        " cannot rebuild everything",
        "--what-is-left reconstruit ce qui reste et vérifie que la base en service le contient",
    ),
    "no_topics": ("Un sujet manque ou se tait · a topic is missing or silent", "maillage topics"),
    "unreachable": ("PostgreSQL ou Kafka ne répond pas · PostgreSQL or Kafka does not answer", "maillage status"),
    "cannot_handle": ("Le service n'a pas pu relire ses événements · the service could not read its events again", ""),
    "settings": ("Le rejeu est mal réglé · the replay's settings are wrong", ""),
}


def replay(
    settings: LocalSettings, service: str, *, what_is_left: bool, keep: bool, quiet: bool
) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the result; refuse when there can be none."""
    service_named(service)
    if settings.postgres_dsn is None and settings.replay_database_dsn is None and not running(settings):
        if settings.elsewhere:
            compose = settings.run_by == "compose"
            raise Refusal(
                "Cette commande ne peut pas créer de base ici · this command may not create a database here",
                f"maillage replay {service}" if compose else "donnez MAILLAGE_REPLAY_DATABASE_DSN, une base vide",
            )
        raise Refusal("Maillage ne tourne pas · Maillage is not running", "dans une autre fenêtre : maillage up")
    return asyncio.run(_replay(settings, service, what_is_left, keep, None if quiet else Progress()))


async def _replay(
    settings: LocalSettings, service: str, what_is_left: bool, keep: bool, progress: Progress | None
) -> tuple[int, dict[str, Any]]:
    async with _database(settings, service, keep) as (elsewhere, name):
        if progress is not None:
            progress.step(f"Base vide {name} prête pour {service} · empty database ready")
        endpoints = Endpoints(
            bootstrap_of(settings), settings.kafka_partner_bootstrap, {service: dsn_of(settings, service)}
        )
        env = environment(service, settings, Secrets(settings.secrets_dir), endpoints)
        arguments = [service, *(["--what-is-left"] if what_is_left else [])]
        code, last = await _process(arguments, {**env, "MAILLAGE_REPLAY_DATABASE_DSN": elsewhere}, progress)
    if "result" not in last:
        sentence, remedy = REFUSED.get(
            last.get("refused", ""),
            ("Le rejeu s'est arrêté · the replay ended", "l'erreur est plus haut · see the error above"),
        )
        said = last.get("message")
        raise Refusal(f"{sentence} ({said})" if said else sentence, remedy)
    return code, {**last["result"], "database": name if keep else None}


async def _process(arguments: list[str], env: dict[str, str], progress: Progress | None) -> tuple[int, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chassis.replay", *arguments,
        env=env, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX,
    )  # fmt: skip
    last: dict[str, Any] = {}
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            last = json.loads(line)
            if progress is not None and "records" in last:
                progress.step(_where(last))
        return await process.wait(), last
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


def _where(line: dict[str, Any]) -> str:
    left = "" if line["left_seconds"] is None else f", encore {line['left_seconds']} s · left"
    return f"{line['records']} événements sur {line['total']}, {line['per_second']}/s{left}"


@asynccontextmanager
async def _database(settings: LocalSettings, service: str, keep: bool) -> AsyncIterator[tuple[str, str]]:
    """Give an empty database with the service's schema; dropped at the end unless kept, or named by the settings."""
    if settings.replay_database_dsn is not None:
        # Where an operator may not create databases: they made it, and they drop it.
        yield settings.replay_database_dsn.get_secret_value(), "MAILLAGE_REPLAY_DATABASE_DSN"
        return
    role, name = name_of(service), f"{name_of(service)}_replay"
    admin_dsn = _admin_dsn(settings)
    password = Secrets(settings.secrets_dir).database_password(service)
    try:
        await _administer(admin_dsn, DROP, name)
        await ensure_database(admin_dsn, name, role, password)
        await migrate(dsn_for(admin_dsn, name), service, role)
    except asyncpg.ObjectInUseError:
        raise Refusal(f"Un rejeu de {service} est déjà en cours · a replay of {service} is under way") from None
    except SettingsRefused as error:
        raise Refusal(f"Les données sont d'une autre version de Maillage ({error}) · of another version") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Refusal(
            f"La base du rejeu n'a pas pu être créée ({type(error).__name__}) · its database could not be made",
            "nommez une base vide dans MAILLAGE_REPLAY_DATABASE_DSN · name an empty database there",
        ) from None
    try:
        yield dsn_for(admin_dsn, name, role, password), name
    finally:
        if not keep:
            await _administer(admin_dsn, DROP_NOW, name)


def _admin_dsn(settings: LocalSettings) -> str:
    if settings.postgres_dsn is not None:
        return settings.postgres_dsn.get_secret_value()
    server = Postgres(
        PostgresConfig(
            directory=settings.data_dir / "postgres",
            log_file=settings.logs_dir / "postgres.log",
            port=settings.postgres_port,
        )
    )
    return server.admin_dsn


async def _administer(admin_dsn: str, statement: str, name: str) -> None:
    connection = await asyncpg.connect(admin_dsn, timeout=10)
    try:
        await connection.execute(await connection.fetchval(statement, name))
    finally:
        await connection.close()
