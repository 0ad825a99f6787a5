"""The official geography behind the `Places` port."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

import territory
from referrals.app.ports import Authority, Place
from referrals.domain.errors import CommuneMerged, UnknownCommune


class OfficialPlaces:
    """Communes of the official geographic code."""

    def find(self, code: str) -> Place:
        """Return the commune; an arrondissement of Paris, Lyon or Marseille means its commune."""
        try:
            found = territory.commune(code)
        except territory.MergedCommune as error:
            raise CommuneMerged(error.successor.code, error.successor.name) from None
        except territory.UnknownCommune:
            raise UnknownCommune from None
        return Place(found.code, found.name)

    def authority_over(self, code: str) -> Authority:
        """Return the collectivity with jurisdiction, for a stored commune that has merged since too."""
        try:
            commune = territory.commune(code)
        except territory.MergedCommune as error:
            commune = error.successor
        found = territory.jurisdiction(commune)
        return Authority(found.code, found.name)


def place_named(code: str) -> Place:
    """Return a stored commune with its name; one that has merged since keeps its code and gets its successor's name."""
    try:
        return Place(code, territory.commune(code).name)
    except territory.MergedCommune as error:
        return Place(code, error.successor.name)
    except territory.UnknownCommune:
        return Place(code, code)


@lru_cache(maxsize=1)
def _departements() -> Mapping[str, tuple[str, ...]]:
    parts: dict[str, set[str]] = defaultdict(set)
    for commune in territory.communes():
        parts[commune.departement].add(commune.collectivity)
    named: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for departement, collectivities in sorted(parts.items()):
        for code in collectivities:
            # The Rhône is divided: its council keeps the département's number, the Métropole de Lyon has a code only.
            if len(collectivities) == 1 or code == f"{departement}D":
                named[code] += (departement,)
    return dict(named)


def departements_of(collectivity: str) -> tuple[str, ...]:
    """Return the départements whose number also means this collectivity: several in Alsace and Corse, none in Lyon."""
    return _departements().get(collectivity, ())
