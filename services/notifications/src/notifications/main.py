"""Composition root of the notifications service."""

from __future__ import annotations

from fastapi import FastAPI

from chassis.app import Parts, build_app
from chassis.clock import Clock
from chassis.runtime import build_runtime
from chassis.settings import load
from notifications.settings import NotificationsSettings


def create_app(settings: NotificationsSettings | None = None, clock: Clock | None = None) -> FastAPI:
    """Build the service; reads the environment unless given settings, and opens nothing."""
    runtime = build_runtime("notifications", settings or load(NotificationsSettings), clock)
    return build_app(runtime, Parts())
