"""Composition root of the training service."""

from __future__ import annotations

from fastapi import FastAPI

import territory
from chassis.app import Parts, build_app
from chassis.clock import Clock
from chassis.runtime import build_runtime
from chassis.settings import load
from training.adapters.http import commands, enrolment_reading, requests, session_reading, sessions
from training.adapters.projections import PROJECTIONS
from training.adapters.subscribers import subscriptions
from training.adapters.terms import timers
from training.settings import TrainingSettings


def create_app(settings: TrainingSettings | None = None, clock: Clock | None = None) -> FastAPI:
    """Build the service; reads the environment unless given settings, and opens nothing."""
    runtime = build_runtime("training", settings or load(TrainingSettings), clock)
    vault = runtime.vault()
    # Read now: the first question of the day must not be the one that waits for the file.
    territory.load()
    changing, reading = (sessions, requests, commands), (session_reading, enrolment_reading)
    return build_app(
        runtime,
        Parts(
            routers=[*(module.routes(vault) for module in changing), *(module.routes() for module in reading)],
            subscriptions=subscriptions(vault, runtime.clock),
            projections=PROJECTIONS,
            timers=timers(),
        ),
    )
