"""The words of this package: immutable, comparable, hashable, free of any loading."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class CollectivityKind(StrEnum):
    DEPARTEMENT = "departement"
    """An ordinary département and its council."""
    SPECIAL = "special"
    """A collectivity that has a département's powers under another form: Lyon, Alsace, Corse, Paris, Martinique …"""
    OVERSEAS = "overseas"
    """Outside départements (975, 977, 978, 984 to 989); its own institutions decide, under its own law."""


@dataclass(frozen=True, slots=True, order=True)
class Collectivity:
    """Who has a département's powers over a commune, social action first among them."""

    code: str
    name: str
    kind: CollectivityKind


@dataclass(frozen=True, slots=True, order=True)
class Commune:
    """A commune that exists today."""

    code: str
    name: str
    departement: str
    epci: str | None
    """SIREN of the intercommunality; None for four islands and overseas."""
    collectivity: str
    """Code of the collectivity with jurisdiction; `jurisdiction()` gives its name."""

    @property
    def label(self) -> str:
        """`Montreuil (93)`: unique in France, and what `resolve()` reads back."""
        return f"{self.name} ({self.departement})"


class AmbiguityReason(StrEnum):
    SAME_NAME = "same_name"
    MERGED = "merged"
    """The name or code is that of a commune that merged: its successor is offered, never chosen silently."""
    POSTAL_CODE = "postal_code"
    """The digits are a postal code of several communes, or of another commune than the one with this official code."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The text fits these communes, the likeliest first; somebody has to choose.

    There may be a single one (see AmbiguityReason.MERGED): it still needs a yes.
    """

    candidates: tuple[Commune, ...]
    reason: AmbiguityReason


@dataclass(frozen=True, slots=True)
class NotFound:
    """The text names no commune; `suggestions` come close and may be empty."""

    suggestions: tuple[Commune, ...] = ()


class TerritoryLike(Protocol):
    """Anything with these four lists: the union of them is the territory."""

    @property
    def communes(self) -> Collection[str]: ...
    @property
    def epcis(self) -> Collection[str]: ...
    @property
    def departements(self) -> Collection[str]: ...
    @property
    def collectivities(self) -> Collection[str]: ...


class ProblemReason(StrEnum):
    UNKNOWN = "unknown"
    MERGED = "merged"
    ARRONDISSEMENT = "arrondissement"
    """Referrals carry the commune: a territory smaller than Paris, Lyon or Marseille cannot be honoured."""


@dataclass(frozen=True, slots=True)
class TerritoryProblem:
    """One code of a territory that cannot stay as it is."""

    field: str
    """communes, epcis, departements or collectivities."""
    code: str
    reason: ProblemReason
    successor: Commune | None = None
    """The commune to name instead."""

    def __str__(self) -> str:
        if self.successor is None:
            return f"{self.field}: {self.code} is unknown"
        belongs = "is now part of" if self.reason is ProblemReason.MERGED else "is only a part of"
        return f"{self.field}: {self.code} {belongs} {self.successor.name} ({self.successor.code})"
