"""What partners refuse; `code` is the stable slug that adapters put in a problem document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar


class PartnersError(Exception):
    """A command is refused; nothing was changed."""

    code: ClassVar[str]


class NotFound(PartnersError):
    """There is no such organisation, client, member or access, or it is not the caller's to see."""

    code = "not_found"


class KindImmutable(PartnersError):
    """An organisation's kind decides what it sees; to change it, register another organisation."""

    code = "kind_immutable"


class WorldImmutable(PartnersError):
    """An organisation of the sandbox stays there, and a real one stays real."""

    code = "sandbox_immutable"


class CodeReserved(PartnersError):
    """The code belongs to one of the platform's own services."""

    code = "code_reserved"


class JurisdictionTaken(PartnersError):
    """Another council answers for one of these collectivities; a referral must have one receiver."""

    code = "jurisdiction_taken"


class ScopeNotAllowed(PartnersError):
    """A scope was asked that this kind of organisation, or this client, does not have."""

    code = "scope_not_allowed"


class LabelTaken(PartnersError):
    """The organisation has a member with this label and another role."""

    code = "label_taken"


class BadCursor(PartnersError):
    """The cursor is not one that this feed gave to this organisation."""

    code = "bad_cursor"


class CursorTooOld(PartnersError):
    """Events after the cursor are older than two years and no longer kept; `oldest` is before the first that is."""

    code = "cursor_too_old"

    def __init__(self, oldest: str) -> None:
        super().__init__(self.__doc__)
        self.oldest = oldest


class PeriodTooOld(PartnersError):
    """The period has events that are older than two years and no longer kept; `oldest` is the first day kept."""

    code = "period_too_old"

    def __init__(self, oldest: date) -> None:
        super().__init__(self.__doc__)
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class Refusal:
    """One code of a territory that cannot stay; `successor` names the commune that absorbed it."""

    field: str
    index: int
    successor: str | None


class InvalidTerritory(PartnersError):
    """A territory names places that do not exist, or no longer do."""

    code = "invalid_territory"

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(self.__doc__)
        self.refusals = tuple(refusals)


class AddressRefused(PartnersError):
    """A webhook's address is not one that we send to; `why` is a slug that says which rule."""

    code = "webhook_address_refused"

    def __init__(self, why: str) -> None:
        super().__init__(self.__doc__)
        self.why = why


class TooManyWebhooks(PartnersError):
    """The organisation has as many webhooks, or the webhook as many secrets, as it may."""

    code = "too_many_webhooks"


class ChangedMeanwhile(PartnersError):
    """What the caller had read was changed since by somebody else."""

    code = "changed_meanwhile"


class WrongState(PartnersError):
    """The webhook's state does not allow this: it is pending, or something is running already."""

    code = "webhook_state"


class ChallengeFailed(PartnersError):
    """The receiver did not give the challenge back; `outcome` and `status` say what it did."""

    code = "webhook_challenge_failed"

    def __init__(self, outcome: str, status: int | None) -> None:
        super().__init__(self.__doc__)
        self.outcome = outcome
        self.status = status


class BadLegalNumber(PartnersError):
    """The number is neither a SIREN nor a SIRET: its length or its check digit is wrong."""

    code = "invalid_legal_number"


class LinkUnknown(PartnersError):
    """No request to join has this link."""

    code = "link_unknown"


class LinkExpired(PartnersError):
    """The time of this link, or of this request to join, is over."""

    code = "link_expired"


class NotApproved(PartnersError):
    """The request to join is not approved: there is nothing to fetch."""

    code = "not_approved"


class AlreadyShown(PartnersError):
    """The credentials were shown before; they are shown once."""

    code = "already_shown"


class JoinState(PartnersError):
    """The request to join is in a state that does not allow this."""

    code = "join_state"


class CodeTaken(PartnersError):
    """Another organisation has this code."""

    code = "code_taken"


class TooManyRequests(PartnersError):
    """This mail address asked to join several times today."""

    code = "too_many_requests"


class TooManyTestEvents(PartnersError):
    """As many synthetic events were asked for as one request to join may have."""

    code = "too_many_test_events"


class TooManySecrets(PartnersError):
    """The client has two live secrets: revoke one, or wait for the older one to end."""

    code = "too_many_secrets"


class LastSecret(PartnersError):
    """The client's only live secret cannot be revoked alone: revoke the client, or make another secret first."""

    code = "last_secret"


class NoManagerLeft(PartnersError):
    """Nobody of the organisation would be left who manages its access; an operator may do this."""

    code = "last_manager"


class RoleNotAllowed(PartnersError):
    """This kind of organisation has no such role."""

    code = "role_not_allowed"


class KafkaAccessBusy(PartnersError):
    """The broker does not have the last password yet: ask again in a few seconds."""

    code = "kafka_access_busy"
