"""Official codes: current, merged, both at once, arrondissements, and what is no code at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import territory
from territory import Commune, MergedCommune, UnknownCommune
from territory.dataset import load


def test_commune_carries_its_places() -> None:
    assert territory.commune("93048") == Commune("93048", "Montreuil", "93", "200054781", "93D")
    assert territory.commune("93048").label == "Montreuil (93)"
    assert territory.epci_name("200054781") == "Métropole du Grand Paris"
    assert territory.departement_name("93") == "Seine-Saint-Denis"


@pytest.mark.parametrize("code", ["01001", "2A004", "2B033", "97411", "98818", "29155"])
def test_commune_is_found_wherever_it_lies(code: str) -> None:
    assert territory.commune(code).code == code


def test_island_without_intercommunality_has_none() -> None:
    assert territory.commune("29155").label == "Ouessant (29)"
    assert territory.commune("29155").epci is None


def test_merged_code_is_refused_with_the_new_name() -> None:
    with pytest.raises(MergedCommune) as refused:
        territory.commune("01120")

    assert refused.value.old_code == "01120"
    assert refused.value.old_name == "Cordieux"
    assert refused.value.successor.label == "Montluel (01)"
    assert "Montluel" in str(refused.value)
    assert refused.value.code == "commune_merged"


def test_merged_code_is_refused_when_its_name_was_not_kept() -> None:
    with pytest.raises(MergedCommune) as refused:
        territory.commune("75048")

    assert refused.value.old_name is None
    assert refused.value.successor.code == "93048"


def test_every_old_code_leads_to_a_current_commune() -> None:
    merged = load().merged
    current = {commune.code for commune in territory.communes()}

    assert len(merged) == 4_240
    assert current.isdisjoint(merged)
    assert {former.successor for former in merged.values()} <= current


def test_code_that_is_current_and_delegated_is_current() -> None:
    # 01015 is Arboys en Bugey and, inside it, the delegated commune of Arbignieu.
    assert territory.commune("01015").name == "Arboys en Bugey"


@pytest.mark.parametrize(("code", "successor"), [("55273", "55386"), ("60455", "60694")])
def test_part_follows_the_commune_it_is_in_when_a_merger_was_undone(code: str, successor: str) -> None:
    with pytest.raises(MergedCommune) as refused:
        territory.commune(code)

    assert refused.value.successor.code == successor


@pytest.mark.parametrize(("code", "city"), [("75111", "75056"), ("69383", "69123"), ("13216", "13055")])
def test_arrondissement_means_its_commune(code: str, city: str) -> None:
    assert territory.commune(code) == territory.commune(city)


@pytest.mark.parametrize("code", ["", "93", "93100", "99999", " 93048", "2a004", "Montreuil", "00000"])
def test_anything_else_is_unknown(code: str) -> None:
    with pytest.raises(UnknownCommune):
        territory.commune(code)


@given(st.text())
def test_refusal_repeats_nothing_of_what_was_typed(text: str) -> None:
    typed = f"Camille Exemple {text}"

    with pytest.raises(UnknownCommune) as refused:
        territory.commune(typed)

    assert "Camille" not in str(refused.value)
    assert "Camille" not in repr(refused.value)
    assert not vars(refused.value)
