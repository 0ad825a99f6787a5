"""Compose the portal: the only module that knows every part."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from httpx import AsyncClient

from chassis.app import Parts, build_app
from chassis.outgoing import internal_client
from chassis.runtime import Runtime, build_runtime
from chassis.settings import load, read_secret
from portal.adapters.access import Access
from portal.adapters.accompaniments import AccompanimentService, TrainingService
from portal.adapters.appointments import AppointmentService, PersonLinks
from portal.adapters.forgetting import Forgetting
from portal.adapters.geography import OfficialCommunes
from portal.adapters.http import failures
from portal.adapters.http.routes import ROUTERS
from portal.adapters.http.shell import Contact, Shell
from portal.adapters.partnership import partnership
from portal.adapters.plan_drafts import PostgresPlanDrafts
from portal.adapters.postgres import PostgresCursors, PostgresDrafts, PostgresSessions
from portal.adapters.tokens import Tokens
from portal.adapters.upstream import OrganisationFeed, Services
from portal.app.follow_feed import FeedHub
from portal.settings import PortalSettings

CONNECTIONS_MAX = 100  # one long poll per organisation, plus the pages being drawn


def create_app(settings: PortalSettings | None = None) -> FastAPI:
    """Return the portal's application; raises SettingsRefused when it must not start."""
    return compose(settings or load(PortalSettings), internal_client(connections=CONNECTIONS_MAX))


def compose(settings: PortalSettings, client: AsyncClient) -> FastAPI:
    """Return the application with the services reached through `client`, which it closes at the end."""
    # Pages follow the feed over HTTP: they come up, and are ready, without the bus.
    runtime = build_runtime("portal", settings.model_copy(update={"kafka_bootstrap": ""}))
    shell = build_shell(settings, runtime, client)

    async def close_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await shell.hub.close()
            await client.aclose()

    app = build_app(runtime, Parts(routers=ROUTERS, background=(close_at_the_end, Forgetting(runtime).run)))
    app.state.shell = shell
    failures.install(app)
    return app


def build_shell(settings: PortalSettings, runtime: Runtime, client: AsyncClient) -> Shell:
    """Return everything pages are made with."""
    secret = read_secret(settings.client_secret_file, "MAILLAGE_CLIENT_SECRET_FILE")
    access = Access(client, Tokens(client, settings.token_url, settings.client_id, secret, runtime.clock))
    services = Services(access, settings.partners_url, settings.referrals_url)
    return Shell(
        clock=runtime.clock,
        sessions=PostgresSessions(runtime.db),
        drafts=PostgresDrafts(runtime.db, runtime.vault()),
        plan_drafts=PostgresPlanDrafts(runtime.db, runtime.vault()),
        desk=services,
        accompaniments=AccompanimentService(access, settings.referrals_url),
        appointments=AppointmentService(access, settings.registration_url),
        training=TrainingService(access, settings.training_url),
        person_desk=PersonLinks(client, settings.registration_url),
        partners=partnership(client, access, settings.partners_url),
        directory=services,
        communes=OfficialCommunes(),
        hub=FeedHub(OrganisationFeed(services), PostgresCursors(runtime.db)),
        contact=Contact(settings.phone, settings.postal_address),
        demo_login=settings.demo_login,
        secure_cookies=settings.secure_cookies,
        public_url=settings.portal_url,
    )
