"""The services of this version, and the environment each is given.

A service sees its own secrets by file name and its own database; never the administrator's DSN nor another's key.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from chassis.known_settings import PREFIX
from maillage.api import http_client
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES, Secrets
from maillage.settings import LocalSettings
from maillage.stack.command import Command
from maillage.stack.jars import JarSources
from maillage.supervisor import Part

READY_SECONDS = 60.0
"""Imports take 2 s on an idle core; four services start on two cores beside Kafka."""
POLL_SECONDS = 0.1
ANSWER_SECONDS = 5.0

SPANS_EVERY_MILLISECONDS = 1000
"""The SDK's own five seconds are long for somebody who looks for what was done just now."""

KEPT_BACK = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "POSTGRES_DSN",
        "DATA_DIR",
        "SMS_TOKEN_FILE",
        *(f"{service.upper()}_DATABASE_DSN" for service in SERVICE_NAMES),
    )
)
"""Settings of the command that no service may read."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What every service needs to know of the others and of the bus."""

    kafka_bootstrap: str
    kafka_partner_bootstrap: str
    databases: Mapping[str, str]
    """service -> DSN of its own role."""


def part(service: str, settings: LocalSettings, secrets: Secrets, endpoints: Endpoints) -> Part:
    """Return one service as the supervisor runs it."""
    url = settings.url_of(service)

    async def wait_ready(patience_seconds: float) -> str:
        return await until_ready(service, url, patience_seconds)

    command = Command(
        name=service,
        argv=(sys.executable, "-m", "chassis.serve", service),
        env=environment(service, settings, secrets, endpoints),
        cwd=settings.data_dir,
        log_file=settings.logs_dir / f"{service}.log",
    )
    return Part(command, "service", service, url, wait_ready, ready_seconds=READY_SECONDS)


def environment(service: str, settings: LocalSettings, secrets: Secrets, endpoints: Endpoints) -> dict[str, str]:
    """Return the whole environment of a service's process."""
    partners = settings.url_of("partners")
    own = {
        "STACK": settings.stack,
        "INSTANCE": "0",
        "HTTP_HOST": settings.http_host,
        "HTTP_PORT": str(settings.port_of(service)),
        "DATABASE_DSN": endpoints.databases[service],
        "KAFKA_BOOTSTRAP": endpoints.kafka_bootstrap,
        "KAFKA_PARTNER_BOOTSTRAP": endpoints.kafka_partner_bootstrap,
        "JWKS_URL": f"{partners}/.well-known/jwks.json",
        "TOKEN_URL": f"{partners}/oauth/token",
        "TOKEN_ISSUER": partners,
        "CLIENT_ID": service,
        "CLIENT_SECRET_FILE": str(secrets.client_secret_file(service)),
        "MASTER_KEY_FILE": str(secrets.master_key_file(service)),
        "LOG_LEVEL": settings.log_level,
        **{f"{name.upper()}_URL": settings.url_of(name) for name in SERVICE_NAMES},
    }
    for name, path in (
        ("KAFKA_PASSWORD_FILE", settings.kafka_password_file),
        ("KAFKA_CA_FILE", settings.kafka_ca_file),
        ("KAFKA_PARTNER_CA_FILE", settings.kafka_partner_ca_file),
    ):
        if path is not None:
            own[name] = str(path.resolve())
    if service == "partners":
        own["SIGNING_KEY_FILE"] = str(secrets.signing_key_file())
        own["BOOTSTRAP_CLIENTS_FILE"] = str(secrets.bootstrap_clients_file())
        # A newcomer's receiver is a process beside this one.
        own["WEBHOOK_LOOPBACK"] = "true" if settings.stack != "site" else "false"
    if service == "portal":
        own["DEMO_LOGIN"] = "true" if settings.stack != "site" else "false"
    if service == "notifications":
        own |= _ways_out(settings, secrets)
    return {
        **inherited(),
        **{PREFIX + name: value for name, value in own.items()},
        **telemetry(settings),
        "PYTHONUNBUFFERED": "1",
    }


def _ways_out(settings: LocalSettings, secrets: Secrets) -> dict[str, str]:
    """Return where notices leave by: the desk, or what the settings name; nothing on a site that names nothing."""
    desk = settings.has_desk
    token = settings.sms_token_file.resolve() if settings.sms_token_file else secrets.sms_token_file() if desk else ""
    ways = {
        "SMTP_HOST": settings.smtp_host or ("127.0.0.1" if desk else ""),
        "SMTP_PORT": str(settings.smtp_port),
        "SMS_URL": settings.sms_url or (f"{settings.desk_url}/sms-api" if desk else ""),
        "SMS_TOKEN_FILE": str(token),
        "QUIET_HOURS": settings.quiet_hours or ("off" if desk else ""),
    }
    return {name: value for name, value in ways.items() if value}


def refuse_mute_site(settings: LocalSettings) -> None:
    """Refuse a site that names no way out for its notices: they are people's, and the desk keeps what it is given."""
    ways = {"SMTP_HOST": settings.smtp_host, "SMS_URL": settings.sms_url, "SMS_TOKEN_FILE": settings.sms_token_file}
    missing = [PREFIX + name for name, value in ways.items() if not value]
    if not settings.has_desk and missing:
        raise Refusal(
            "Un site doit dire par où partent ses courriels et ses SMS · a site must say how its mails and SMS leave",
            f"donnez {', '.join(missing)}, ou MAILLAGE_STACK=embedded pour une démonstration",
        )


def telemetry(settings: LocalSettings) -> dict[str, str]:
    """Return where a process sends its spans: to the desk, unless the person named a collector."""
    if spans_go_elsewhere() or not settings.has_desk:
        return {}
    # The exporter's client would hand loopback to a proxy of the environment.
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1")))
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": settings.desk_url,
        "OTEL_BSP_SCHEDULE_DELAY": os.environ.get("OTEL_BSP_SCHEDULE_DELAY") or str(SPANS_EVERY_MILLISECONDS),
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def spans_go_elsewhere() -> str:
    """Return the collector that the person named, or nothing."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def inherited() -> dict[str, str]:
    """Return our own environment without what only the command may know."""
    kept = {name: value for name, value in os.environ.items() if name.upper() not in KEPT_BACK}
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Compiling 1,500 modules takes each of seven processes 2 s at every start; ours are kept out of the sources.
        kept.setdefault("PYTHONPYCACHEPREFIX", str(JarSources.from_environment().cache.with_name("bytecode")))
    return kept


async def until_ready(service: str, url: str, patience_seconds: float) -> str:
    """Wait until a service answers that it is ready; return its version, or refuse with the reason it gave."""
    reason = "ne répond pas"
    deadline = asyncio.get_running_loop().time() + patience_seconds
    async with http_client(ANSWER_SECONDS) as client:
        while asyncio.get_running_loop().time() < deadline:
            if await _listens(url):
                try:
                    health = await readiness(client, url)
                    if health.get("ready") is True:
                        return str(health.get("version", ""))
                    reason = not_ready_because(health)
                except (httpx.HTTPError, ValueError):
                    pass
            await asyncio.sleep(POLL_SECONDS)
    raise Refusal(
        f"Le service {service} n'est pas prêt après {patience_seconds:.0f} s ({reason})"
        f" · service {service} is not ready in time",
        f"lisez son journal : maillage logs {service}",
    )


async def _listens(url: str) -> bool:
    """Tell whether somebody listens: a tenth of what a refused HTTP request costs while six services import."""
    where = urlsplit(url)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(where.hostname, where.port), ANSWER_SECONDS)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def readiness(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """Return a service's own account of its readiness."""
    document = (await client.get(f"{url}/health/ready")).json()
    return document if isinstance(document, dict) else {}


def not_ready_because(health: Mapping[str, Any]) -> str:
    """Return the checks that fail, in the service's own words."""
    checks = health.get("checks")
    failing = [f"{name}: {text}" for name, text in checks.items() if text != "ok"] if isinstance(checks, dict) else []
    return ", ".join(failing) or "pas encore prêt"
