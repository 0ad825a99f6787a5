"""What the portal reads from its environment; the demonstration's login is refused where real people are served."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from chassis.settings import ServiceSettings

FICTIVE_PHONE = "01 99 00 12 34"
"""A number of the range reserved for fiction by the regulator: it rings nowhere."""

FICTIVE_ADDRESS = "Maillage (démonstration), 1 rue de l’Exemple, 00000 Exempleville"


class PortalSettings(ServiceSettings):
    """Settings of the portal."""

    partners_url: str = Field(description="Base URL of the partners service.")
    referrals_url: str = Field(description="Base URL of the referrals service.")
    registration_url: str = Field(description="Base URL of the registration service: appointments.")
    training_url: str = Field(description="Base URL of the training service: sessions.")
    portal_url: str = Field(
        default="", description="Public base URL, where pip finds our package; https makes cookies Secure."
    )
    demo_login: bool = Field(default=False, description="Sign in by choosing an invented member.")
    contact_phone: str = Field(default="", description="Telephone number at the foot of every page.")
    contact_address: str = Field(default="", description="Postal address at the foot of every page.")

    @model_validator(mode="after")
    def _no_demonstration_with_real_people(self) -> Self:
        if self.demo_login and self.stack not in ("embedded", "test"):
            raise ValueError("MAILLAGE_DEMO_LOGIN is only accepted with MAILLAGE_STACK=embedded or test")
        return self

    @model_validator(mode="after")
    def _a_way_to_reach_somebody(self) -> Self:
        if self.stack == "site" and not (self.contact_phone and self.contact_address):
            raise ValueError("MAILLAGE_CONTACT_PHONE and MAILLAGE_CONTACT_ADDRESS are needed: pages end with them")
        return self

    @property
    def phone(self) -> str:
        return self.contact_phone or FICTIVE_PHONE

    @property
    def postal_address(self) -> str:
        return self.contact_address or FICTIVE_ADDRESS

    @property
    def secure_cookies(self) -> bool:
        """Cookies travel over HTTPS only, except on a stack that listens on loopback without it."""
        return self.stack == "site" or self.portal_url.startswith("https://")
