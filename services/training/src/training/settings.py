"""Settings of the training service: those every service has."""

from __future__ import annotations

from chassis.settings import ServiceSettings


class TrainingSettings(ServiceSettings):
    """What the training process reads from its environment."""
