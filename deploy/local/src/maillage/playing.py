"""Play the demonstration on a Maillage that runs: this machine's supervisor's, or containers that settings name."""

from __future__ import annotations

import asyncio

from maillage.errors import Refusal
from maillage.progress import Progress
from maillage.secrets import Secrets
from maillage.settings import LocalSettings
from maillage.view import running


def play_on_what_runs(settings: LocalSettings, *, again: bool) -> None:
    """Play it, or refuse: on a site, or where nothing runs."""
    from maillage.story import play

    if settings.stack == "site":
        raise Refusal("La démonstration n'est jamais jouée avec MAILLAGE_STACK=site · never played on a site")
    elsewhere = bool(settings.partners_url)
    if not elsewhere and not running(settings):
        raise Refusal("Maillage ne tourne pas · Maillage is not running", "dans une autre fenêtre : maillage up")
    progress = Progress()
    asyncio.run(play(settings, Secrets(settings.secrets_dir), progress, again=again))
    if elsewhere:
        progress.line(f"Portail · portal            {settings.url_of('portal')}")
        progress.line(f"Courriels · e-mails         {settings.desk_url}/mail")
        progress.line(f"SMS · text messages         {settings.desk_url}/sms")
