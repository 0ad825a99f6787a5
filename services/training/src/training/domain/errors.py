"""Why the domain refuses; adapters translate `code`, and `field` where one is at fault. Nothing typed is repeated."""

from __future__ import annotations

from typing import ClassVar


class TrainingRefused(Exception):
    """The session and its enrolments stay as they are."""

    code: ClassVar[str]


class IllegalTransition(TrainingRefused):
    """The status does not allow this now."""

    code = "illegal_transition"


class WrongParty(TrainingRefused):
    """This is for another of the organisations concerned."""

    code = "wrong_party"


class NotFound(TrainingRefused):
    """There is no such thing for this organisation."""

    code = "not_found"


class NotDue(TrainingRefused):
    """The offer still stands, or is none any more."""

    code = "not_due"


class OfferOver(TrainingRefused):
    """The seat was kept until a given time, which has passed."""

    code = "offer_over"


class NotStarted(TrainingRefused):
    """The session has not begun: nobody can attend it, or be missing."""

    code = "session_not_started"


class SessionStarted(TrainingRefused):
    """The session has begun: those who attend it are not sent away."""

    code = "session_started"


class NoSeatFree(TrainingRefused):
    """Every seat of the session is taken."""

    code = "no_seat_free"


class AccompanimentNotActive(TrainingRefused):
    """Seats are asked for while an accompaniment is active, and neither before nor after."""

    code = "accompaniment_not_active"


class UnknownSession(TrainingRefused):
    """The id names no session."""

    code = "unknown_session"


class UnknownCommune(TrainingRefused):
    """The code names no commune of France."""

    code = "unknown_commune"


class CommuneMerged(TrainingRefused):
    """The commune is now part of another, which the message names."""

    code = "commune_merged"

    def __init__(self, successor_code: str, successor_name: str) -> None:
        super().__init__(f"now part of {successor_name} ({successor_code})")
        self.successor_code = successor_code
        self.successor_name = successor_name


class InputRefused(TrainingRefused):
    """One field breaks a rule of the domain; `field` is its dotted path, `rule` says which."""

    code = "validation_failed"

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
