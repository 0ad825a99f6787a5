"""What the desk reads from its environment; the `maillage` command sets all of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from chassis.settings import SECRET_FILE, DeclaredSettings, load, read_secret

HOST = "127.0.0.1"
"""Never another address of a machine: everybody who reaches the desk reads every message. In a container it is the
container's own (`MAILLAGE_DESK_HOST`), whose port is published on the machine's loopback only."""


class DeskVariables(DeclaredSettings):
    """The environment of the desk's process."""

    stack: Literal["embedded", "test"] = Field(
        default="embedded", description="Where this runs; a site has no desk, its messages leave."
    )
    desk_folder: Path = Field(description="Folder in which messages and spans are kept.")
    desk_port: int = Field(ge=0, le=65535, description="Pages of mails and SMS, intake of spans.")
    desk_host: str = Field(
        default=HOST, description="Address the desk listens on; only a container's own may be another than loopback."
    )
    desk_names: str = Field(default="", description="Names by which other containers call it, separated by commas.")
    smtp_port: int = Field(ge=0, le=65535, description="The mail catcher; 0 for none.")
    sms_token_file: Path = Field(
        description="File holding the token that the SMS gateway asks for.", json_schema_extra=SECRET_FILE
    )
    notifications_url: str = Field(description="Receives the receipts of text messages.")
    portal_url: str = Field(description="Base address of the portal, for links.")
    zipkin_url: str = Field(default="", description="Receives the spans; empty for none.")
    clock_file: Path | None = Field(
        default=None, description="Tests only: file of the seconds by which this process's clock is ahead."
    )


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """Where the desk listens, keeps things and reports to."""

    folder: Path
    port: int
    smtp_port: int
    """0: no e-mail is caught, they go to a mail server elsewhere."""
    sms_token: str
    notifications_url: str
    """Receives the receipts of text messages."""
    portal_url: str
    host: str = HOST
    names: tuple[str, ...] = ()
    """Names by which other containers call it, besides this machine's."""
    zipkin_url: str = ""
    """Receives the spans; empty for none."""
    clock_file: Path | None = None

    @classmethod
    def from_environment(cls) -> DeskSettings:
        """Read the settings, or raise SettingsRefused naming each variable at fault."""
        found = load(DeskVariables)
        return cls(
            folder=found.desk_folder,
            port=found.desk_port,
            smtp_port=found.smtp_port,
            sms_token=read_secret(found.sms_token_file, "MAILLAGE_SMS_TOKEN_FILE"),
            notifications_url=found.notifications_url,
            portal_url=found.portal_url,
            host=found.desk_host,
            names=tuple(filter(None, found.desk_names.split(","))),
            zipkin_url=found.zipkin_url,
            clock_file=found.clock_file if found.stack == "test" else None,
        )
