"""Settings of the referrals service: those every service has."""

from __future__ import annotations

from chassis.settings import ServiceSettings


class ReferralsSettings(ServiceSettings):
    """What the referrals process reads from its environment."""
