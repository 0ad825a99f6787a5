"""Which collectivity has a département's powers where: law, not data, hence code.

Codes are those of Insee's nomenclature of "collectivités territoriales à compétence départementale"
(https://www.insee.fr/fr/information/3528272): the département's number and D, or a code of its own
for a collectivity with special status. Two are newer than that page: 75C (Ville de Paris, law
2017-257, since 2019) and 6AE (Collectivité européenne d'Alsace, law 2019-816, since 2021).
Overseas collectivities have no such code; they keep their number.
"""

from __future__ import annotations

from territory.model import Collectivity, CollectivityKind

LYON_EPCI = "200046977"
"""Since 2015 the Métropole is no longer in the département's territory (law 2014-58, article 26)."""

_LYON = Collectivity("69M", "Métropole de Lyon", CollectivityKind.SPECIAL)
_ALSACE = Collectivity("6AE", "Collectivité européenne d’Alsace", CollectivityKind.SPECIAL)
_CORSE = Collectivity("20R", "Collectivité de Corse", CollectivityKind.SPECIAL)
_SPECIAL = {
    "67": _ALSACE,
    "68": _ALSACE,
    "2A": _CORSE,
    "2B": _CORSE,
    "75": Collectivity("75C", "Ville de Paris", CollectivityKind.SPECIAL),
    "972": Collectivity("972R", "Collectivité territoriale de Martinique", CollectivityKind.SPECIAL),
    "973": Collectivity("973R", "Collectivité territoriale de Guyane", CollectivityKind.SPECIAL),
    # Renamed on 1 January 2026 by organic law 2025-793 and decree 2025-1427.
    "976": Collectivity("976R", "Département-Région de Mayotte", CollectivityKind.SPECIAL),
}

SYNONYMS = {"976D": "976R"}
"""Mayotte is 976R for Insee's page above and 976D in other public data sets: both are understood."""

# Insee's TNCC: how a name takes "de". 7 and 8 (las, los) name no département.
_OF = {0: "de ", 1: "d’", 2: "du ", 3: "de la ", 4: "des ", 5: "de l’"}


def collectivity_of(departement: str, name: str, link: int, epci: str | None) -> Collectivity:
    """Return who has jurisdiction over a commune of this département and intercommunality."""
    if epci == LYON_EPCI:
        return _LYON
    if departement in _SPECIAL:
        return _SPECIAL[departement]
    if departement.startswith(("975", "977", "978", "98")):
        return Collectivity(departement, name, CollectivityKind.OVERSEAS)
    official = f"Département {_OF[link]}{name}".replace("'", "’")
    return Collectivity(f"{departement}D", official, CollectivityKind.DEPARTEMENT)
