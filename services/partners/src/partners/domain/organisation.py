"""An organisation: who it is, where it answers, and how often that changed.

Its kind never changes, because the kind decides what its stream holds; nor does its world, real or sandbox. Every fact
about it, a revoked client included, takes the next version, so that readers of its topic can tell old from new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from partners.domain.errors import KindImmutable, WorldImmutable


class Kind(StrEnum):
    """What an organisation is."""

    ASSOCIATION = "association"
    COUNCIL = "council"
    EMPLOYMENT_SERVICE = "employment_service"
    TRAINING_PROVIDER = "training_provider"
    OPERATOR = "operator"
    SERVICE = "service"


PARTNERS = frozenset({Kind.ASSOCIATION, Kind.COUNCIL, Kind.EMPLOYMENT_SERVICE, Kind.TRAINING_PROVIDER})
"""The kinds that have a stream and are told to other services; the others are the platform's own."""

ANSWERING = frozenset({Kind.COUNCIL, Kind.EMPLOYMENT_SERVICE})
"""The kinds that are found by a territorial collectivity: whoever looks for them knows a person's commune."""


@dataclass(frozen=True, slots=True)
class Territory:
    """Where an organisation answers: the union of four lists of official codes, sorted and without repeats."""

    communes: tuple[str, ...] = ()
    epcis: tuple[str, ...] = ()
    departements: tuple[str, ...] = ()
    collectivities: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        communes: Iterable[str] = (),
        epcis: Iterable[str] = (),
        departements: Iterable[str] = (),
        collectivities: Iterable[str] = (),
    ) -> Territory:
        """Make the canonical form, so that equal places are equal territories."""
        return cls(*(tuple(sorted(set(codes))) for codes in (communes, epcis, departements, collectivities)))


@dataclass(frozen=True, slots=True)
class Details:
    """What may change about an organisation."""

    name: str
    phone: str
    postal_address: str
    territory: Territory
    email: str | None = None
    """The public address at which it reads notices."""
    event_types: tuple[str, ...] | None = None
    """The types that it asked for, sorted; None for all that its kind may be shown."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """The aggregate as it stands; methods return the next one and the fact, or nothing when nothing changes."""

    organisation_id: UUID
    code: str
    kind: Kind
    details: Details
    version: int
    correlation_id: UUID
    changed_at: datetime
    sandbox: bool = False
    """Whether it belongs to the world in which nobody is real."""

    def change(
        self, kind: Kind, details: Details, at: datetime, sandbox: bool | None = None
    ) -> tuple[Organisation, Changed] | None:
        """Take new details; None when they are the present ones.

        Raises KindImmutable for another kind, WorldImmutable for another world; None means the present one.
        """
        if kind is not self.kind:
            raise KindImmutable
        if sandbox is not None and sandbox is not self.sandbox:
            raise WorldImmutable
        if details == self.details:
            return None
        changed = replace(self, details=details, version=self.version + 1, changed_at=at)
        return changed, Changed(changed)

    def revoke(self, client_id: str, at: datetime) -> tuple[Organisation, ClientRevoked]:
        """Withdraw a client's access."""
        changed = replace(self, version=self.version + 1)
        return changed, ClientRevoked(changed, client_id, at)

    def end_access(self, grant_id: UUID, at: datetime) -> tuple[Organisation, AccessEnded]:
        """Have the tokens refused that were issued on a secret, or on a member's role."""
        changed = replace(self, version=self.version + 1)
        return changed, AccessEnded(changed, grant_id, at)


def register(
    organisation_id: UUID,
    code: str,
    kind: Kind,
    details: Details,
    *,
    correlation_id: UUID,
    at: datetime,
    sandbox: bool = False,
) -> tuple[Organisation, Registered]:
    """Let an organisation take part."""
    organisation = Organisation(organisation_id, code, kind, details, 1, correlation_id, at, sandbox)
    return organisation, Registered(organisation)


@dataclass(frozen=True, slots=True)
class Registered:
    """An organisation takes part from now on."""

    organisation: Organisation


@dataclass(frozen=True, slots=True)
class Changed:
    """An organisation's details are now these."""

    organisation: Organisation


@dataclass(frozen=True, slots=True)
class ClientRevoked:
    """A client of this organisation may no longer be served."""

    organisation: Organisation
    client_id: str
    revoked_at: datetime


@dataclass(frozen=True, slots=True)
class AccessEnded:
    """Tokens that were issued on this ground may no longer be served."""

    organisation: Organisation
    grant_id: UUID
    ended_at: datetime


OrganisationFact: TypeAlias = Registered | Changed | ClientRevoked | AccessEnded
