"""One database and one role per service, brought to this version's schema before any service starts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from chassis.errors import SettingsRefused
from chassis.migrate import migrate
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES, Secrets
from maillage.settings import LocalSettings
from maillage.stack.databases import ensure_database


@dataclass(frozen=True, slots=True)
class Databases:
    """What each service connects with, and how much was migrated."""

    dsns: dict[str, str]
    applied: int


def name_of(service: str) -> str:
    """Return the name of a service's database, which is also its role's."""
    return f"maillage_{service}"


def dsn_for(admin_dsn: str, database: str, user: str | None = None, password: str = "") -> str:
    """Return `admin_dsn` pointed at another database, and at another role when one is given."""
    parts = urlsplit(admin_dsn)
    credentials, _, address = parts.netloc.rpartition("@")
    if user is not None:
        credentials = f"{quote(user)}:{quote(password, safe='')}"
    netloc = f"{credentials}@{address}" if credentials else address
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{quote(database)}"))


def dsn_to_examine(settings: LocalSettings, service: str) -> str | None:
    """Return how doctor reads a service's database; None where that is elsewhere and nothing names it.

    Elsewhere this machine has not made the password of the service's role: it is read as the administrator.
    """
    own, admin = settings.own_database_of(service), settings.postgres_dsn
    if not settings.elsewhere:
        return dsn_of(settings, service)
    return own or (dsn_for(admin.get_secret_value(), name_of(service)) if admin else None)


def dsn_of(settings: LocalSettings, service: str) -> str:
    """Return how the command itself reads a running service's database: as that service's own role."""
    own, admin = settings.own_database_of(service), settings.postgres_dsn
    address = admin.get_secret_value() if admin else f"postgresql://127.0.0.1:{settings.postgres_port}/postgres"
    password = Secrets(settings.secrets_dir).database_password(service)
    return own or dsn_for(address, name_of(service), name_of(service), password)


async def prepare(admin_dsn: str, settings: LocalSettings, secrets: Secrets) -> Databases:
    """Create what is missing and migrate every service's database; refuse in one sentence when it cannot be done."""
    try:
        done = await asyncio.gather(*(_prepare_one(admin_dsn, service, settings, secrets) for service in SERVICE_NAMES))
    except SettingsRefused as error:
        raise Refusal(
            f"Les données sont d'une autre version de Maillage ({error}) · the data belong to another version",
            "revenez à la version qui les a écrites, choisissez un autre dossier avec MAILLAGE_DATA_DIR,"
            " ou effacez tout avec maillage reset",
        ) from None
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise Refusal(
            "PostgreSQL refuse ce compte · PostgreSQL refuses this account",
            "vérifiez l'utilisateur et le mot de passe de MAILLAGE_POSTGRES_DSN",
        ) from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Refusal(
            f"Les bases de données n'ont pas pu être préparées ({type(error).__name__}: {_first_line(error)})"
            " · the databases could not be prepared",
            "vérifiez MAILLAGE_POSTGRES_DSN, ou lisez le journal : maillage logs postgres",
        ) from None
    return Databases(
        {service: dsn for service, (dsn, _) in zip(SERVICE_NAMES, done, strict=True)},
        sum(len(applied) for _, applied in done),
    )


async def _prepare_one(
    admin_dsn: str, service: str, settings: LocalSettings, secrets: Secrets
) -> tuple[str, list[str]]:
    own = settings.own_database_of(service)
    if own is not None:
        # A site that gives a service its own database gives it a role that may change the schema.
        return own, await migrate(own, service)
    name = name_of(service)
    password = secrets.database_password(service)
    await ensure_database(admin_dsn, name, name, password)
    return dsn_for(admin_dsn, name, name, password), await migrate(dsn_for(admin_dsn, name), service, name)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
