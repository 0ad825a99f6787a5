"""From an official code to a commune and to the collectivity that has jurisdiction.

Every current commune has exactly one jurisdiction, overseas included: whether a council has joined
Maillage is another question, and not asked here. A merged commune's code is refused with the name
of its successor; the code of an arrondissement of Paris, Lyon or Marseille means its commune, since
people live "in 75111" and the arrondissement has neither council nor place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from territory.councils import SYNONYMS
from territory.dataset import Source, load
from territory.errors import MergedCommune, UnknownCollectivity, UnknownCommune
from territory.model import Collectivity, Commune


def commune(code: str) -> Commune:
    """Return the commune with this official code; raise UnknownCommune or MergedCommune.

    A postal code is not one: 13001 is Aix-en-Provence. Text typed by a person goes to `resolve()`.
    """
    data = load()
    row = data.row(code)
    if row is None:
        raise UnknownCommune
    found = data.commune(row)
    if code in data.merged:
        raise MergedCommune(code, data.merged[code].name, found)
    return found


def communes() -> Iterator[Commune]:
    """Yield every current commune in the order of codes."""
    data = load()
    return (data.commune(row) for row in range(len(data.codes)))


def jurisdiction(commune: Commune) -> Collectivity:
    """Return the collectivity that has a département's powers over this commune."""
    return load().collectivities[commune.collectivity]


def collectivity(code: str) -> Collectivity:
    """Return the collectivity with this code, 976D being understood as 976R; raise UnknownCollectivity."""
    found = load().collectivities.get(SYNONYMS.get(code, code))
    if found is None:
        raise UnknownCollectivity
    return found


@lru_cache(maxsize=128)
def collectivity_of_departement(departement: str) -> Collectivity:
    """Return the collectivity that a département's number means; raise UnknownCollectivity.

    In the Rhône the number is the département's council, not the Métropole de Lyon, which has a code only.
    """
    data = load()
    found = {place[2] for row in range(len(data.codes)) if (place := data.placement(row))[0] == departement}
    if len(found) > 1:
        found &= {f"{departement}D"}
    if len(found) != 1:
        raise UnknownCollectivity
    return data.collectivities[found.pop()]


def collectivities() -> tuple[Collectivity, ...]:
    """Return all collectivities in the order of codes."""
    return tuple(load().collectivities.values())


def departement_name(code: str) -> str | None:
    return load().departements.get(code)


def epci_name(siren: str) -> str | None:
    return load().epcis.get(siren)


def source() -> Source:
    """Return where the geography comes from and its date."""
    return load().source
