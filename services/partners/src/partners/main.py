"""The partners process, put together."""

from __future__ import annotations

from fastapi import FastAPI

from chassis.app import Parts, build_app
from chassis.clock import Clock
from chassis.runtime import build_runtime
from chassis.settings import load
from partners.adapters.bootstrap import Bootstrap, read_bootstrap_clients
from partners.adapters.feed import PostgresFeed
from partners.adapters.http import event_types, explanations
from partners.adapters.http.clients import client_routes
from partners.adapters.http.feed import feed_routes
from partners.adapters.http.feed_period import period_routes
from partners.adapters.http.join_requests import join_request_routes
from partners.adapters.http.joining import asked_by, joining_routes
from partners.adapters.http.joining_desk import JoiningDesk
from partners.adapters.http.kafka_access import kafka_access_routes
from partners.adapters.http.members import member_routes
from partners.adapters.http.oauth import token_routes
from partners.adapters.http.webhooks import webhook_routes
from partners.adapters.kafka_admin import ConfluentCluster
from partners.adapters.partner_listener import PartnerListener
from partners.adapters.postgres.stream_days import PostgresStreamDays
from partners.adapters.projections import PROJECTIONS
from partners.adapters.provisioning import Provisioning
from partners.adapters.signing import TokenSigner
from partners.adapters.stream_purge import StreamPurge
from partners.adapters.subscribers import subscriptions
from partners.adapters.throttle import Throttle
from partners.adapters.timers import timers
from partners.adapters.webhooks.couriers import Couriers, WebhookDoorbell
from partners.adapters.webhooks.sender import HttpSender
from partners.settings import PartnersSettings


def create_app(settings: PartnersSettings | None = None, clock: Clock | None = None) -> FastAPI:
    """Compose the service; opens nothing until the server starts."""
    settings = settings or load(PartnersSettings)
    runtime = build_runtime("partners", settings, clock)
    runtime.doorbell = doorbell = WebhookDoorbell()
    vault = runtime.vault()
    signer = TokenSigner.from_file(settings.signing_key_file, settings.token_issuer, runtime.clock)
    bootstrap = Bootstrap(runtime, read_bootstrap_clients(settings.bootstrap_clients_file))
    told = PartnerListener.of(settings)
    days = PostgresStreamDays(runtime.db)
    feed = PostgresFeed(runtime.db, runtime.background_db, doorbell)
    provisioning = Provisioning(runtime, vault, ConfluentCluster(settings, told), settings.kafka_reconcile_seconds)
    reconciling = [provisioning.run] if settings.kafka_bootstrap else []
    joining = JoiningDesk(vault, asked_by(runtime.clock), told, settings.public_url, provisioning.wake)
    sender = HttpSender(loopback=settings.webhook_loopback)
    couriers = Couriers(runtime, vault, sender, doorbell)
    return build_app(
        runtime,
        Parts(
            routers=[
                event_types.organisation_routes(),
                client_routes(),
                member_routes(),
                joining_routes(joining),
                join_request_routes(joining),
                explanations.router,
                token_routes(signer, Throttle(runtime.clock)),
                feed_routes(feed, days),
                period_routes(feed, days, runtime.clock),
                kafka_access_routes(vault, provisioning, told),
                webhook_routes(vault, sender, couriers.revised, loopback=settings.webhook_loopback),
            ],
            subscriptions=subscriptions(runtime.clock),
            timers=timers(vault),
            metrics=[couriers.metrics, provisioning.metrics],
            projections=PROJECTIONS,
            background=[bootstrap.run, feed.run, couriers.run, StreamPurge(runtime).run, *reconciling],
        ),
    )
