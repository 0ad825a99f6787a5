"""Why the domain refuses; adapters translate `code`, and `field` where one is at fault. Nothing typed is repeated."""

from __future__ import annotations

from typing import ClassVar


class RegistrationRefused(Exception):
    """Everything stays as it is."""

    code: ClassVar[str]


class IllegalTransition(RegistrationRefused):
    """The state does not allow this."""

    code = "illegal_transition"


class WrongParty(RegistrationRefused):
    """This is for the organisation that receives the person, and for nobody else."""

    code = "wrong_party"


class OptionGone(RegistrationRefused):
    """The date is not, or no longer, among those offered."""

    code = "option_gone"


class DateChanged(RegistrationRefused):
    """Whoever asks has seen another date than the one that holds now."""

    code = "date_changed"


class TooLate(RegistrationRefused):
    """The appointment has begun."""

    code = "too_late"


class TooEarly(RegistrationRefused):
    """The appointment has not begun."""

    code = "too_early"


class NotFound(RegistrationRefused):
    """There is no such thing for whoever asks."""

    code = "not_found"


class OutsideTerritory(NotFound):
    """The person does not live, or no more, in the council's territory: nothing is there, and asking is recorded."""


class Erased(RegistrationRefused):
    """Everything that said who this person is has been erased."""

    code = "erased"


class LinkInvalid(RegistrationRefused):
    """This is no link of ours, or what it led to is no more."""

    code = "link_invalid"


class LinkExpired(RegistrationRefused):
    """The link was ours, and its time is over."""

    code = "link_expired"


class InputRefused(RegistrationRefused):
    """One field breaks a rule of the domain; `field` is its path, `rule` says which."""

    code = "validation_failed"

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
