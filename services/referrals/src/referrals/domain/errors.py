"""Why the domain refuses; adapters translate `code`, and `field` where one is at fault. Nothing typed is repeated."""

from __future__ import annotations

from typing import ClassVar


class ReferralRefused(Exception):
    """The referral stays as it is."""

    code: ClassVar[str]


class IllegalTransition(ReferralRefused):
    """The referral's status does not allow this now."""

    code = "illegal_transition"


class WrongParty(ReferralRefused):
    """This is for the other party of the referral, or for neither."""

    code = "wrong_party"


class NotDue(ReferralRefused):
    """The term has not passed, or has been noticed already."""

    code = "not_due"


class NotFound(ReferralRefused):
    """There is no such referral for this organisation."""

    code = "not_found"


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
