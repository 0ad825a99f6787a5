"""What a typed place can mean: one commune, several, one that merged into another, or none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commune:
    code: str
    name: str
    departement_code: str
    departement_name: str

    @property
    def label(self) -> str:
        """How the form writes it, unique in France: `Montreuil (93)`."""
        return f"{self.name} ({self.departement_code})"


@dataclass(frozen=True, slots=True)
class Authority:
    """The collectivity whose council answers for a commune."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Found:
    commune: Commune


@dataclass(frozen=True, slots=True)
class Several:
    """The text fits more than one commune: somebody has to choose."""

    communes: tuple[Commune, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The commune no longer exists; it is part of one of `successors`, usually the only one."""

    successors: tuple[Commune, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """No commune bears this name; `near` are those that come close."""

    near: tuple[Commune, ...] = ()


Answer = Found | Several | Merged | Nothing
