"""Why the domain refuses; adapters translate `code`."""

from __future__ import annotations

from typing import ClassVar


class RegistrationRefused(Exception):
    """The registration stays as it is."""

    code: ClassVar[str]


class IllegalTransition(RegistrationRefused):
    """The state of the registration does not allow this."""

    code = "illegal_transition"


class NotFound(RegistrationRefused):
    """Nobody has this reference."""

    code = "not_found"


class Erased(RegistrationRefused):
    """Everything that said who this person is has been erased."""

    code = "erased"
