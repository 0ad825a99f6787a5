"""Which types of event an organisation's stream takes, family by family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from portal.domain.draft import Fault

ALL, CHOSEN = "tous", "choix"
WHOLE, SOME, NONE = "toute", "quelques", "aucun"

IDENTIFIED = "fr.maillage.registration.person.identified.v1"
"""Without it, an erasure names a person whom the organisation does not know."""


@dataclass(frozen=True, slots=True)
class StreamTypes:
    """What the partners service says: the types asked for, None for all of the organisation's role."""

    chosen: tuple[str, ...] | None
    always: tuple[str, ...]
    available: tuple[str, ...]
    version: int

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """The types that can be chosen, by family: `fr.maillage.referrals.referral`."""
        found: dict[str, tuple[str, ...]] = {}
        for name in self.available:
            found[family_of(name)] = (*found.get(family_of(name), ()), name)
        return found

    def taken(self, choice: tuple[str, ...] | None) -> frozenset[str]:
        """Return what a choice takes of what there is to choose from."""
        return frozenset(self.available) if choice is None else frozenset(choice) & frozenset(self.available)


@dataclass(frozen=True, slots=True)
class TypesAsked:
    """What was typed into the form: all or some, and of each family what."""

    which: str
    extents: Mapping[str, str]
    ticked: frozenset[str]

    @staticmethod
    def of(stream: StreamTypes, choice: tuple[str, ...] | None) -> TypesAsked:
        """Return the form as it stands for a choice."""
        taken = stream.taken(choice)
        extents = {family: _extent(names, taken) for family, names in stream.families.items()}
        return TypesAsked(ALL if choice is None else CHOSEN, extents, taken)

    def choice(self, stream: StreamTypes) -> tuple[str, ...] | None:
        """Return the types asked for; None for all, those created later too."""
        if self.which == ALL:
            return None
        taken = [
            name for family, names in stream.families.items() for name in names
            if self.extents.get(family) == WHOLE or (self.extents.get(family) == SOME and name in self.ticked)
        ]  # fmt: skip
        return tuple(taken)

    def faults(self, stream: StreamTypes) -> tuple[Fault, ...]:
        """Return what is missing before the choice can be shown for a last check."""
        if self.which == ALL:
            return ()
        if self.which != CHOSEN:
            return (Fault("which", "fault.types.which"),)
        families = stream.families
        open_ones = [family for family in families if self.extents.get(family) not in (WHOLE, SOME, NONE)]
        unticked = [
            family for family, names in families.items()
            if self.extents.get(family) == SOME and not self.ticked & frozenset(names)
        ]  # fmt: skip
        found = (
            *(Fault(f"famille-{slug_of(family)}", "fault.types.family") for family in open_ones),
            *(Fault(f"types-{slug_of(family)}", "fault.types.some") for family in unticked),
        )
        return found or (() if self.choice(stream) else (Fault("which", "fault.types.none"),))


def _extent(names: Iterable[str], taken: frozenset[str]) -> str:
    names = frozenset(names)
    return WHOLE if names <= taken else SOME if names & taken else NONE


def family_of(name: str) -> str:
    """Return the family of a type: all but its last word and its version."""
    return name.rsplit(".", 2)[0]


def slug_of(family: str) -> str:
    """Return a family as the form's fields are named."""
    return family.removeprefix("fr.maillage.").replace(".", "-")
