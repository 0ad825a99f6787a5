"""What the desk reads from its environment; the `maillage` command sets all of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
"""Never another address of a machine: everybody who reaches the desk reads every message. In a container it is the
container's own (`MAILLAGE_DESK_HOST`), whose port is published on the machine's loopback only."""


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
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> DeskSettings:
        """Read the settings; raises KeyError, ValueError or OSError, which only a bug of the command can cause."""
        if environment.get("MAILLAGE_STACK") == "site":
            raise ValueError("the desk keeps people's messages readable: it never runs with MAILLAGE_STACK=site")
        clock = environment.get("MAILLAGE_CLOCK_FILE", "")
        return cls(
            folder=Path(environment["MAILLAGE_DESK_FOLDER"]),
            port=int(environment["MAILLAGE_DESK_PORT"]),
            smtp_port=int(environment["MAILLAGE_SMTP_PORT"]),
            sms_token=Path(environment["MAILLAGE_SMS_TOKEN_FILE"]).read_text(encoding="ascii").strip(),
            notifications_url=environment["MAILLAGE_NOTIFICATIONS_URL"],
            portal_url=environment["MAILLAGE_PORTAL_URL"],
            host=environment.get("MAILLAGE_DESK_HOST") or HOST,
            names=tuple(filter(None, environment.get("MAILLAGE_DESK_NAMES", "").split(","))),
            zipkin_url=environment.get("MAILLAGE_ZIPKIN_URL", ""),
            clock_file=Path(clock) if clock and environment.get("MAILLAGE_STACK") == "test" else None,
        )
