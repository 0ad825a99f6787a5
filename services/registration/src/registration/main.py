"""Composition root of the registration service."""

from __future__ import annotations

from fastapi import FastAPI

from chassis.app import Parts, build_app
from chassis.clock import Clock
from chassis.runtime import build_runtime
from chassis.service_client import ServiceClient
from chassis.settings import load
from registration.adapters.http import agenda, claims, commands, erasure, own, persons, proposal
from registration.adapters.projections import PROJECTIONS
from registration.adapters.recognitions import Recognitions
from registration.adapters.subscribers import subscriptions
from registration.settings import RegistrationSettings


def create_app(settings: RegistrationSettings | None = None, clock: Clock | None = None) -> FastAPI:
    """Build the service; reads the environment unless given settings, and opens nothing."""
    settings = settings or load(RegistrationSettings)
    runtime = build_runtime("registration", settings, clock)
    vault = runtime.vault()
    referrals = ServiceClient(settings.referrals_url, runtime.service_tokens())
    runtime.health.register("referrals", referrals.check)
    recognitions = Recognitions()
    modules = (persons, claims, proposal, commands, agenda, own, erasure)
    return build_app(
        runtime,
        Parts(
            routers=[module.routes(vault) for module in modules],
            subscriptions=subscriptions(referrals, vault, runtime.clock, recognitions),
            projections=PROJECTIONS,
            metrics=[recognitions.metrics],
        ),
    )
