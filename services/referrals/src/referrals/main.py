"""Composition root of the referrals service."""

from __future__ import annotations

from fastapi import FastAPI

import territory
from chassis.app import Parts, build_app
from chassis.clock import Clock
from chassis.runtime import build_runtime
from chassis.settings import ServiceSettings, load
from referrals.adapters.http import accompaniment_commands, accompaniments, claims, commands, reading, submission
from referrals.adapters.newcomers import HearOfNewcomers
from referrals.adapters.projections import PROJECTIONS
from referrals.adapters.subscribers import subscriptions
from referrals.adapters.terms import timers
from referrals.settings import ReferralsSettings


def create_app(settings: ServiceSettings | None = None, clock: Clock | None = None) -> FastAPI:
    """Build the service; reads the environment unless given settings, and opens nothing."""
    runtime = build_runtime("referrals", settings or load(ReferralsSettings), clock)
    vault = runtime.vault()
    runtime.directory.after = HearOfNewcomers(runtime.clock)
    # Read now: the first submission of the day must not be the one that waits for the file.
    territory.load()
    modules = (submission, commands, reading, claims, accompaniments, accompaniment_commands)
    return build_app(
        runtime,
        Parts(
            routers=[module.routes(vault) for module in modules],
            subscriptions=subscriptions(),
            projections=PROJECTIONS,
            timers=timers(vault),
        ),
    )
