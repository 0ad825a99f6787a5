"""What can go wrong while serving a page; each has a sentence for the reader in the message catalogues."""

from __future__ import annotations


class ServiceSilent(Exception):
    """A service the page needs does not answer in time or answers with a failure; nothing is known to be lost."""

    def __init__(self, service: str) -> None:
        super().__init__(service)
        self.service = service


class TooMany(ServiceSilent):
    """The service asks for a rest: too much was asked in too short a time."""


class NotFound(Exception):
    """The record does not exist for this organisation; whether it exists for another is not said."""


class Gone(NotFound):
    """The record was there, and its time is over; `code` is the service's own slug."""

    def __init__(self, code: str = "") -> None:
        super().__init__(code)
        self.code = code


class AccessLost(Exception):
    """The member's access was refused by a service: removed, or its organisation was."""


class Conflict(Exception):
    """The record changed meanwhile and no longer allows this act; `code` is the service's own slug."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Refused(Exception):
    """The service found fault with what was sent: `code` is its slug, `fields` the names of the fields at fault."""

    def __init__(self, code: str, fields: tuple[str, ...] = (), successor: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields
        self.successor = successor


class SendingInProgress(Exception):
    """The same referral is being sent by an earlier click; its outcome is known in a moment."""


class KeyReused(Exception):
    """An earlier version of this form may have arrived already; sending another could double the referral."""


class LinkUnknown(Exception):
    """A person's link is not one that was ever given, or was cut short on its way."""


class LinkErased(Exception):
    """The person of this link had their data erased: the link leads nowhere, and that is how it should be."""


class LinkExpired(Exception):
    """A person's link is past its time; its appointment may still hold."""
