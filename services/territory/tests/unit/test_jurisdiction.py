"""Every commune has one jurisdiction, and the collectivities that are not départements are right."""

from __future__ import annotations

from collections import Counter

import pytest

import territory
from territory import CollectivityKind, UnknownCollectivity

CURRENT_COMMUNES = 34_969
"""Of the official geographic code of 1 January 2026, as published with the package."""


def communes_by_collectivity() -> Counter[str]:
    return Counter(territory.jurisdiction(commune).code for commune in territory.communes())


def test_every_current_commune_has_exactly_one_jurisdiction() -> None:
    communes = list(territory.communes())

    assert len({commune.code for commune in communes}) == len(communes) == CURRENT_COMMUNES
    known = {collectivity.code for collectivity in territory.collectivities()}
    assert {territory.jurisdiction(commune).code for commune in communes} == known


def test_collectivities_are_listed_once_with_their_official_codes() -> None:
    by_kind = Counter(collectivity.kind for collectivity in territory.collectivities())

    # 101 départements of the State less 67, 68, 2A, 2B, 75, 972, 973 and 976.
    assert by_kind[CollectivityKind.DEPARTEMENT] == 93
    special = {each.code for each in territory.collectivities() if each.kind is CollectivityKind.SPECIAL}
    assert special == {"69M", "6AE", "20R", "75C", "972R", "973R", "976R"}
    overseas = {each.code for each in territory.collectivities() if each.kind is CollectivityKind.OVERSEAS}
    assert overseas == {"975", "977", "978", "984", "986", "987", "988", "989"}


def test_lyon_is_apart_from_the_rest_of_the_rhone() -> None:
    counted = communes_by_collectivity()
    metropole = {c.code for c in territory.communes() if c.collectivity == "69M"}

    assert counted["69M"] == 58
    assert {"69123", "69266", "69034"} <= metropole
    assert all(territory.commune(code).epci == "200046977" for code in metropole)
    assert territory.commune("69264").label == "Villefranche-sur-Saône (69)"
    assert territory.commune("69264").collectivity == "69D"
    assert counted["69M"] + counted["69D"] == sum(c.departement == "69" for c in territory.communes())


@pytest.mark.parametrize(
    ("departements", "code", "name"),
    [
        ({"93"}, "93D", "Département de la Seine-Saint-Denis"),
        ({"21"}, "21D", "Département de la Côte-d’Or"),
        ({"35"}, "35D", "Département d’Ille-et-Vilaine"),
        ({"67", "68"}, "6AE", "Collectivité européenne d’Alsace"),
        ({"2A", "2B"}, "20R", "Collectivité de Corse"),
        ({"75"}, "75C", "Ville de Paris"),
        ({"971"}, "971D", "Département de la Guadeloupe"),
        ({"972"}, "972R", "Collectivité territoriale de Martinique"),
        ({"973"}, "973R", "Collectivité territoriale de Guyane"),
        ({"974"}, "974D", "Département de La Réunion"),
        ({"976"}, "976R", "Département-Région de Mayotte"),
        ({"975"}, "975", "Saint-Pierre-et-Miquelon"),
        ({"988"}, "988", "Nouvelle-Calédonie"),
    ],
)
def test_collectivity_holds_whole_departements_when_not_lyon(departements: set[str], code: str, name: str) -> None:
    held = {commune.code for commune in territory.communes() if commune.collectivity == code}

    assert held == {commune.code for commune in territory.communes() if commune.departement in departements}
    assert territory.collectivity(code).name == name


def test_mayotte_is_understood_under_both_codes() -> None:
    assert territory.collectivity("976D") == territory.collectivity("976R")


def test_unknown_collectivity_is_refused() -> None:
    with pytest.raises(UnknownCollectivity):
        territory.collectivity("67D")
