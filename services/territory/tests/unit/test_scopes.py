"""Territories: what four lists cover, what stays covered after mergers, and which codes are named as wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

import territory
from territory import Commune, ProblemReason
from territory.dataset import load

COMMUNES = list(territory.communes())


@dataclass(frozen=True)
class Scope:
    communes: Sequence[str] = ()
    epcis: Sequence[str] = ()
    departements: Sequence[str] = ()
    collectivities: Sequence[str] = ()


def scopes() -> st.SearchStrategy[Scope]:
    data = load()
    return st.builds(
        Scope,
        communes=st.lists(st.sampled_from([*data.codes, *data.merged, *data.arrondissements, "99999"]), max_size=6),
        epcis=st.lists(st.sampled_from([*data.epcis, "000000000"]), max_size=3),
        departements=st.lists(st.sampled_from([*data.departements, "00"]), max_size=2),
        collectivities=st.lists(st.sampled_from([*data.collectivities, "976D", "67D"]), max_size=2),
    )


@given(scopes(), st.lists(st.sampled_from(COMMUNES), min_size=1, max_size=20))
def test_covers_agrees_with_the_list_of_communes(scope: Scope, asked: list[Commune]) -> None:
    listed = territory.communes_of(scope)
    nearby = [territory.commune(code) for code in sorted(listed)[:5]]

    for commune in [*asked, *nearby]:
        assert territory.covers(scope, commune.code) == (commune.code in listed)


def test_each_kind_of_list_covers_its_communes() -> None:
    assert territory.communes_of(Scope(communes=["93048"])) == {"93048"}
    assert len(territory.communes_of(Scope(epcis=["200046977"]))) == 58
    assert territory.communes_of(Scope(departements=["75"])) == {"75056"}
    alsace = territory.communes_of(Scope(collectivities=["6AE"]))
    assert alsace == territory.communes_of(Scope(departements=["67", "68"]))
    assert territory.communes_of(Scope()) == frozenset()


def test_communes_of_the_council_and_of_the_rest_of_the_rhone_do_not_meet() -> None:
    lyon, rhone = (territory.communes_of(Scope(collectivities=[code])) for code in ("69M", "69D"))

    assert lyon.isdisjoint(rhone)
    assert lyon | rhone == territory.communes_of(Scope(departements=["69"]))


def test_mayotte_is_covered_under_both_codes() -> None:
    assert territory.covers(Scope(collectivities=["976D"]), "97611")
    assert territory.covers(Scope(collectivities=["976R"]), "97611")


def test_event_of_a_merged_commune_stays_in_scope() -> None:
    assert territory.covers(Scope(communes=["01262"]), "01120")
    assert territory.covers(Scope(departements=["01"]), "01120")


def test_territory_written_before_a_merger_keeps_its_commune() -> None:
    scope = Scope(communes=["01120"])

    assert territory.communes_of(scope) == {"01262"}
    assert territory.covers(scope, "01262")


def test_arrondissement_never_widens_a_territory_to_the_whole_city() -> None:
    scope = Scope(communes=["75111"])

    assert territory.communes_of(scope) == frozenset()
    assert not territory.covers(scope, "75056")
    assert not territory.covers(scope, "75111")
    assert territory.covers(Scope(collectivities=["75C"]), "75111")


@pytest.mark.parametrize("code", ["99999", "", "93100"])
def test_unknown_commune_is_covered_by_nothing(code: str) -> None:
    assert not territory.covers(Scope(communes=[code], departements=["93"]), code)


def test_commune_without_intercommunality_is_in_no_epci() -> None:
    assert not territory.covers(Scope(epcis=list(load().epcis)), "29155")


def test_valid_territory_has_no_problem() -> None:
    scope = Scope(["93048"], ["200054781"], ["93", "2A"], ["93D", "69M", "976D"])

    assert territory.check_territory(scope) == ()


def test_every_wrong_code_is_named_with_its_field() -> None:
    scope = Scope(["93048", "93100", "01120", "75111"], ["123456789"], ["20", "1"], ["67D"])

    problems = territory.check_territory(scope)

    assert [(each.field, each.code, each.reason) for each in problems] == [
        ("communes", "93100", ProblemReason.UNKNOWN),
        ("communes", "01120", ProblemReason.MERGED),
        ("communes", "75111", ProblemReason.ARRONDISSEMENT),
        ("epcis", "123456789", ProblemReason.UNKNOWN),
        ("departements", "20", ProblemReason.UNKNOWN),
        ("departements", "1", ProblemReason.UNKNOWN),
        ("collectivities", "67D", ProblemReason.UNKNOWN),
    ]
    assert str(problems[1]) == "communes: 01120 is now part of Montluel (01262)"
    assert str(problems[2]) == "communes: 75111 is only a part of Paris (75056)"
