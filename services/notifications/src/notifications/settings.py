"""Settings of the notifications service: those every service has."""

from __future__ import annotations

from chassis.settings import ServiceSettings


class NotificationsSettings(ServiceSettings):
    """What the notifications process reads from its environment."""
