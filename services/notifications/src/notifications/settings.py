"""Settings of the notifications service: those every service has, whom to ask, and who brings the messages."""

from __future__ import annotations

from email.utils import parseaddr
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from chassis.settings import SECRET_FILE, ServiceSettings

FICTIVE_PHONE = "01 99 00 12 34"
"""A number of the range reserved for fiction by the regulator: it rings nowhere."""

FICTIVE_ADDRESS = "1 rue de l’Exemple\n00000 Exempleville"
EXAMPLE_SENDER = "Maillage <maillage@example.org>"


class NotificationsSettings(ServiceSettings):
    """What the notifications process reads from its environment."""

    registration_url: str = Field(description="Base address of registration, asked how to reach a person.")
    partners_url: str = Field(description="Base address of partners, asked whom the mails of a request to join go to.")
    portal_url: str = Field(description="Base address of the portal, for the links in e-mails.")
    smtp_host: str = Field(description="Mail server that takes our e-mails.")
    smtp_port: int = Field(default=25, ge=1, le=65535, description="Port of that mail server.")
    smtp_tls: Literal["auto", "starttls", "tls"] = Field(
        default="auto",
        description="`auto` uses STARTTLS where the server offers it; a site asks for one of the others.",
    )
    smtp_username: str = Field(default="", description="Account on the mail server; without one, none is shown.")
    smtp_password_file: Path | None = Field(
        default=None,
        description="File holding the password of the account on the mail server.",
        json_schema_extra=SECRET_FILE,
    )
    mail_from: str = Field(default=EXAMPLE_SENDER, description="Sender of our e-mails; a site names its own.")
    sms_url: str = Field(description="Base address of the SMS gateway.")
    sms_token_file: Path | None = Field(
        default=None,
        description="File holding the token shown to the gateway, with which it signs its receipts.",
        json_schema_extra=SECRET_FILE,
    )
    contact_phone: str = Field(default="", description="Telephone number of whoever operates this platform.")
    contact_address: str = Field(default="", description="Postal address of whoever operates this platform.")
    operators_email: str = Field(
        default="",
        description="Where operators are written to when somebody waits for them; empty: nothing is sent to them.",
    )
    quiet_hours: Literal["on", "off"] = Field(
        default="on",
        description="`off`, for demonstrations and tests: no hour is quiet and no day is full.",
    )

    @model_validator(mode="after")
    def _courteous_at_a_site(self) -> Self:
        if self.quiet_hours == "off" and self.stack == "site":
            raise ValueError("MAILLAGE_QUIET_HOURS=off is only accepted with MAILLAGE_STACK=embedded or test")
        return self

    @model_validator(mode="after")
    def _a_whole_account(self) -> Self:
        if bool(self.smtp_username) != (self.smtp_password_file is not None):
            given, missing = "MAILLAGE_SMTP_USERNAME", "MAILLAGE_SMTP_PASSWORD_FILE"
            if not self.smtp_username:
                given, missing = missing, given
            raise ValueError(f"{missing} is required with {given}")
        return self

    @model_validator(mode="after")
    def _mail_of_a_site(self) -> Self:
        if "@" not in parseaddr(self.mail_from)[1]:
            raise ValueError("MAILLAGE_MAIL_FROM must be an e-mail address, with or without a name")
        if self.stack != "site":
            return self
        if self.mail_from == EXAMPLE_SENDER:
            raise ValueError("MAILLAGE_MAIL_FROM is required with MAILLAGE_STACK=site")
        if self.smtp_tls == "auto":
            raise ValueError("MAILLAGE_SMTP_TLS must be starttls or tls with MAILLAGE_STACK=site")
        if not (self.contact_phone and self.contact_address):
            raise ValueError("MAILLAGE_CONTACT_PHONE and MAILLAGE_CONTACT_ADDRESS are needed: mails end with them")
        return self
