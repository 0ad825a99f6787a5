"""Composition root of the training service."""

from __future__ import annotations

from fastapi import FastAPI

from chassis.app import Parts, build_app
from chassis.clock import Clock
from chassis.runtime import build_runtime
from chassis.settings import load
from training.settings import TrainingSettings


def create_app(settings: TrainingSettings | None = None, clock: Clock | None = None) -> FastAPI:
    """Build the service; reads the environment unless given settings, and opens nothing."""
    runtime = build_runtime("training", settings or load(TrainingSettings), clock)
    return build_app(runtime, Parts())
