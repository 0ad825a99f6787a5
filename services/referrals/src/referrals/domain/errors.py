"""Why the domain refuses; adapters translate `code`, and `field` where one is at fault. Nothing typed is repeated."""

from __future__ import annotations

from typing import ClassVar


class ReferralRefused(Exception):
    """The referral, or the accompaniment that followed from it, stays as it is."""

    code: ClassVar[str]


class IllegalTransition(ReferralRefused):
    """The referral's status does not allow this now."""

    code = "illegal_transition"


class AccompanimentTransition(IllegalTransition):
    """The accompaniment's status does not allow this now, or this side has answered already."""


class WrongParty(ReferralRefused):
    """This is for the other party, or for neither."""

    code = "wrong_party"


class SameCommune(ReferralRefused):
    """The person is said to live there already."""

    code = "same_commune"


class NotDue(ReferralRefused):
    """The term has not passed, or has been noticed already."""

    code = "not_due"


class NotFound(ReferralRefused):
    """There is no such thing for this organisation."""

    code = "not_found"


class OutsideTerritory(NotFound):
    """The person lives outside the council's territory, or no more within it: it neither reads nor answers."""


class ReferralNotAccepted(ReferralRefused):
    """A joint accompaniment follows from a referral that the council accepted."""

    code = "referral_not_accepted"


class PersonNotIdentified(ReferralRefused):
    """Registration has not said yet who the person is; it takes a second."""

    code = "person_not_identified"


class PersonErased(ReferralRefused):
    """Everything that says who the person is was erased: nothing may be written about them any more."""

    code = "person_erased"


class AccompanimentExists(ReferralRefused):
    """The referral has an open joint accompaniment already."""

    code = "accompaniment_exists"


class UnknownEmploymentService(ReferralRefused):
    """The code names no employment service that answers where the person lives."""

    code = "unknown_employment_service"


class PlanChanged(ReferralRefused):
    """Somebody changed the plan since it was read."""

    code = "plan_changed"


class UnknownCommune(ReferralRefused):
    """The code names no commune of France."""

    code = "unknown_commune"


class CommuneMerged(ReferralRefused):
    """The commune is now part of another, which the message names."""

    code = "commune_merged"

    def __init__(self, successor_code: str, successor_name: str) -> None:
        super().__init__(f"now part of {successor_name} ({successor_code})")
        self.successor_code = successor_code
        self.successor_name = successor_name


class CouncilNotJoined(ReferralRefused):
    """The council with jurisdiction over the commune does not take part yet."""

    code = "council_not_joined"

    def __init__(self, council_name: str) -> None:
        super().__init__(council_name)
        self.council_name = council_name


class InputRefused(ReferralRefused):
    """One field breaks a rule of the domain; `field` is its dotted path, `rule` says which."""

    code = "validation_failed"

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
