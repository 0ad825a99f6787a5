"""The desk as the supervisor runs it: a server that services may find gone, and that is stopped after them."""

from __future__ import annotations

import sys

from chassis.known_settings import PREFIX
from maillage.secrets import Secrets
from maillage.services import inherited, until_ready
from maillage.settings import LocalSettings
from maillage.stack.command import Command
from maillage.supervisor import Part

READY_SECONDS = 30.0
"""One second on an idle machine, beside PostgreSQL and Kafka three."""


def part(settings: LocalSettings, secrets: Secrets) -> Part:
    """Return the desk."""

    async def wait_ready(patience_seconds: float) -> str:
        return await until_ready("desk", settings.desk_url, patience_seconds)

    own = {
        "STACK": settings.stack,
        "DESK_FOLDER": str(settings.data_dir / "desk"),
        "DESK_PORT": str(settings.desk_port),
        # Where the settings name a mail server, the port is that server's.
        "SMTP_PORT": "0" if settings.smtp_host else str(settings.smtp_port),
        "SMS_TOKEN_FILE": str(secrets.sms_token_file()),
        "NOTIFICATIONS_URL": settings.url_of("notifications"),
        "PORTAL_URL": settings.url_of("portal"),
        "ZIPKIN_URL": settings.zipkin_url if settings.has_zipkin else "",
    }
    command = Command(
        name="desk",
        argv=(sys.executable, "-m", "maillage.desk"),
        env={**inherited(), **{PREFIX + name: value for name, value in own.items()}, "PYTHONUNBUFFERED": "1"},
        cwd=settings.data_dir,
        log_file=settings.logs_dir / "desk.log",
    )
    return Part(command, "server", "Le guichet", settings.desk_url, wait_ready, ready_seconds=READY_SECONDS)
