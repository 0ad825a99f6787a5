"""Look at services that this machine's supervisor did not start: compose, a site. Only asks; changes nothing.

They are those that MAILLAGE_<SERVICE>_URL names, in the environment or in what `--services-from` is given. Databases
and the broker are looked at where settings name them; what is not named is said, and never taken for well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from chassis.known_settings import PREFIX
from chassis.version import version
from maillage.api import http_client
from maillage.checks import Check, fail, ok, warn
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES
from maillage.services import not_ready_because, readiness
from maillage.settings import LocalSettings, load
from maillage.status_file import PartStatus

ANSWER_SECONDS = 5.0
NO_ANSWER = "ne répond pas · does not answer"


def settings_from(where: str) -> LocalSettings:
    """Return the settings with those of `where`: a file of MAILLAGE_…=value lines, or service=URL pairs with commas."""
    values = _pairs(where) if "://" in where and "=" in where else _lines(Path(where))
    settings = load(values)
    if not settings.elsewhere:
        raise Refusal(
            f"{where} ne nomme aucun service · names no service",
            "une ligne MAILLAGE_PORTAL_URL=https://…, ou portal=https://…,referrals=https://…",
        )
    return settings


def _pairs(text: str) -> dict[str, str]:
    values = {}
    for pair in text.split(","):
        name, _, url = pair.strip().partition("=")
        if name not in SERVICE_NAMES or not url.startswith(("http://", "https://")):
            raise Refusal(
                f"{name[:40]} ne dit pas quel service répond où · does not say which service answers where",
                f"service=URL, où service est · where service is: {', '.join(SERVICE_NAMES)}",
            )
        values[f"{PREFIX}{name.upper()}_URL"] = url
    return values


def _lines(path: Path) -> dict[str, str]:
    """Read a file as compose and systemd do: comments, an optional `export`, optional quotes around a value."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path} ne peut pas être lu ({type(error).__name__}) · cannot be read") from None
    values = {}
    for line in lines:
        name, found, value = line.strip().removeprefix("export ").partition("=")
        if found and not name.startswith("#"):
            text = value.strip()
            values[name.strip()] = text[1:-1] if len(text) > 1 and text[0] == text[-1] in "'\"" else text
    return values


def document(settings: LocalSettings) -> dict[str, Any]:
    """Return what view.document returns, of the services that are named."""
    parts = asyncio.run(_ask_all(settings))
    portal_url = next((part.url for part in parts if part.name == "portal"), None)
    # In compose this command reaches a part by its name; a person, by the port that is published on the machine.
    compose = settings.run_by == "compose"
    return {
        "looked_at": "elsewhere",
        "running": any(part.reason != NO_ANSWER for part in parts),
        "ready": all(part.ready for part in parts),
        "supervisor_pid": None,
        "data_dir": None,
        "mail_url": f"{settings.desk_url}/mail" if compose and settings.desk_address else None,
        "traces_url": None,
        "portal_url": settings.url_of("portal") if compose and portal_url else portal_url,
        "parts": [part.shown() for part in parts],
    }


async def _ask_all(settings: LocalSettings) -> list[PartStatus]:
    async with http_client(ANSWER_SECONDS, anywhere=True) as http:
        return list(await asyncio.gather(*(_ask(http, settings, service) for service in settings.elsewhere)))


async def _ask(http: httpx.AsyncClient, settings: LocalSettings, service: str) -> PartStatus:
    url = settings.operations_url_of(service)

    def part(reason: str, version: str = "") -> PartStatus:
        where = _without_account(url)
        return PartStatus(service, "service", "external", where, "", ready=not reason, version=version, reason=reason)

    try:
        health = await readiness(http, url)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return part(NO_ANSWER)
    told = str(health.get("service", ""))
    if told != service:
        return part(f"c'est {told[:40] or 'un autre programme'} qui répond · another program answers")
    return part("" if health.get("ready") is True else not_ready_because(health), str(health.get("version", "")))


def _without_account(url: str) -> str:
    """Return an address as it may be shown; it need not be one that a client accepts."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def checks(settings: LocalSettings, parts: Iterable[Mapping[str, Any]]) -> list[Check]:
    """Return what is to be said of the services themselves, and of what was not named."""
    found, versions = [], {}
    for part in parts:
        name, where = part["name"], f"{PREFIX}{part['name'].upper()}_URL"
        if part["ready"]:
            found.append(ok(name, f"prêt {part['version']} · ready, {part['url']}"))
            versions[name] = part["version"]
        else:
            found.append(fail(name, part["reason"], _about(settings, part, where)))
    found += [
        warn(name, "pas regardé · not looked at", f"donnez {PREFIX}{name.upper()}_URL")
        for name in SERVICE_NAMES
        if name not in settings.elsewhere
    ]
    if versions:
        found.append(_versions(versions))
    if not _names_databases(settings):
        remedy = "donnez MAILLAGE_POSTGRES_DSN, ou MAILLAGE_<SERVICE>_DATABASE_DSN"
        found.append(warn("databases", "pas regardées · not looked at", remedy))
    if not settings.kafka_bootstrap:
        found.append(warn("kafka", "pas regardé · not looked at", "donnez MAILLAGE_KAFKA_BOOTSTRAP"))
    return found


def _about(settings: LocalSettings, part: Mapping[str, Any], where: str) -> str:
    if settings.run_by != "compose":
        return f"regardez son journal ; {where} est · is {part['url']}"
    logs = f"docker compose logs {part['name']}"
    # One that answers says itself what it waits for: starting it again would not help.
    return f"docker compose restart {part['name']} ; {logs}" if part["reason"] == NO_ANSWER else logs


def _versions(versions: Mapping[str, str]) -> Check:
    different = {**versions, "maillage": version()}
    if len(set(different.values())) == 1:
        return ok("versions", f"toutes {version()} · all the same")
    text = ", ".join(f"{name} {one}" for name, one in sorted(different.items()))
    return warn("versions", f"plusieurs versions · several versions: {text}", "finissez la mise à jour")


def _names_databases(settings: LocalSettings) -> bool:
    return settings.postgres_dsn is not None or any(settings.own_database_of(name) for name in SERVICE_NAMES)
