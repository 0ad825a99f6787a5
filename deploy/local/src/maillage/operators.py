"""Speak to the services' routes for operators, on this machine or on a site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from maillage.api import Client, http_client
from maillage.errors import Refusal
from maillage.secrets import SERVICE_NAMES, Secrets
from maillage.settings import LocalSettings

READING_SERVICES = tuple(name for name in SERVICE_NAMES if name != "portal")
"""Those that read topics: only they set events aside, and have something to rebuild."""


def service_named(name: str) -> str:
    """Return the name of a service that reads topics, or refuse with the list."""
    if name not in READING_SERVICES:
        raise Refusal(
            f"Aucun service qui lit des événements ne s'appelle {name[:40]} · no service of that name reads events",
            ", ".join(READING_SERVICES),
        )
    return name


@asynccontextmanager
async def operator(settings: LocalSettings) -> AsyncIterator[Client]:
    """Give the operator's API client; refuse when its secret cannot be read."""
    path = settings.operator_secret_file or Secrets(settings.secrets_dir).folder / "operator.client-secret"
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refusal(
            f"Le secret de l'exploitant ne peut pas être lu ({path}: {error.strerror}) · the operator's secret"
            " cannot be read",
            "maillage up le crée ; ailleurs, donnez MAILLAGE_OPERATOR_SECRET_FILE et MAILLAGE_OPERATOR_CLIENT_ID",
        ) from None
    token_url = f"{settings.operations_url_of('partners')}/oauth/token"
    async with http_client(anywhere=bool(settings.elsewhere)) as http:
        yield Client(http, token_url, settings.operator_client_id, secret)
