"""Settings of the registration service: those every service has, and where to ask about referrals."""

from __future__ import annotations

from pydantic import Field

from chassis.settings import ServiceSettings


class RegistrationSettings(ServiceSettings):
    """What the registration process reads from its environment."""

    referrals_url: str = Field(description="Base address of the referrals service, asked who a referral is about.")
