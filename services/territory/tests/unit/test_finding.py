"""What people type: names with and without accents, homonyms, former names, postal codes, slips."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import territory
from territory import AmbiguityReason, Ambiguous, Commune, NotFound, finding
from territory.dataset import Dataset
from territory.names import NameIndex, fold

COMMUNES = list(territory.communes())


def labels(communes: tuple[Commune, ...] | list[Commune]) -> list[str]:
    return [commune.label for commune in communes]


def ambiguous(text: str) -> Ambiguous:
    answer = territory.resolve(text)
    assert isinstance(answer, Ambiguous), answer
    return answer


def resolved(text: str) -> str:
    answer = territory.resolve(text)
    assert isinstance(answer, Commune), answer
    return answer.label


@given(
    st.sampled_from(COMMUNES),
    st.sampled_from(["{0.name} ({0.departement})", "{0.name} {0.departement}", "{0.name} {0.code}"]),
)
def test_name_with_its_place_resolves_to_itself(commune: Commune, form: str) -> None:
    assert territory.resolve(form.format(commune)) == commune


def test_every_label_is_unique_once_folded() -> None:
    by_key: dict[str, list[Commune]] = defaultdict(list)
    for commune in COMMUNES:
        by_key[fold(commune.label)].append(commune)

    assert [found for found in by_key.values() if len(found) > 1] == []


@given(st.sampled_from(COMMUNES))
def test_bare_name_resolves_to_itself_or_asks_with_it_among_the_choices(commune: Commune) -> None:
    answer = territory.resolve(commune.name)

    if isinstance(answer, Ambiguous):
        assert commune in answer.candidates
        assert len(set(answer.candidates)) == len(answer.candidates) > 1
    else:
        assert answer == commune


@given(st.sampled_from(COMMUNES))
def test_shouted_without_accents_or_hyphens_is_the_same_name(commune: Commune) -> None:
    shouted = f"{fold(commune.name).upper()} {commune.departement}".replace("SAINT ", "St ").replace("SAINTE ", "Ste ")

    assert territory.resolve(shouted) == commune
    assert commune in territory.search(shouted, 40)


@given(st.text(max_size=300), st.integers(min_value=-1, max_value=20))
def test_any_text_has_an_answer(text: str, limit: int) -> None:
    assert isinstance(territory.resolve(text), Commune | Ambiguous | NotFound)
    assert len(territory.search(text, limit)) <= max(limit, 0)


def test_montreuil_asks_with_the_largest_first() -> None:
    answer = ambiguous("Montreuil")

    assert answer.reason is AmbiguityReason.SAME_NAME
    assert answer.candidates[0].label == "Montreuil (93)"
    assert {"Montreuil (28)", "Montreuil (85)"} <= set(labels(answer.candidates))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Montreuil (93)", "Montreuil (93)"),
        ("montreuil 93", "Montreuil (93)"),
        ("93048", "Montreuil (93)"),
        ("93100", "Montreuil (93)"),
        ("Montreuil 93100", "Montreuil (93)"),
        ("93100 Montreuil", "Montreuil (93)"),
        ("Montreuil, 93", "Montreuil (93)"),
        ("Montreuil (Seine-Saint-Denis)", "Montreuil (93)"),
        ("Saint-Denis (Réunion)", "Saint-Denis (974)"),
        ("  st-étienne ", "Saint-Étienne (42)"),
        ("le havre", "Le Havre (76)"),
        ("Havre", "Le Havre (76)"),
        ("ile d’yeu", "L'Île-d'Yeu (85)"),
        ("Neuilly s/ Seine", "Neuilly-sur-Seine (92)"),
        ("2a004", "Ajaccio (2A)"),
        ("Ajaccio 2A", "Ajaccio (2A)"),
        ("Lyon", "Lyon (69)"),
        ("Paris 11", "Paris (75)"),
        ("Paris 11e arrondissement", "Paris (75)"),
        ("marseille 1er", "Marseille (13)"),
        ("Lyon 3ème", "Lyon (69)"),
        ("75111", "Paris (75)"),
    ],
)
def test_text_is_understood(text: str, label: str) -> None:
    assert resolved(text) == label


def test_digits_that_are_a_postal_and_another_official_code_ask() -> None:
    answer = ambiguous("13001")

    assert answer.reason is AmbiguityReason.POSTAL_CODE
    assert labels(answer.candidates) == ["Marseille (13)", "Aix-en-Provence (13)"]


def test_name_of_a_merged_commune_offers_its_successor() -> None:
    answer = ambiguous("Cordieux")

    assert answer.reason is AmbiguityReason.MERGED
    assert labels(answer.candidates) == ["Montluel (01)"]


def test_code_of_a_merged_commune_offers_its_successor() -> None:
    assert ambiguous("01120").reason in (AmbiguityReason.MERGED, AmbiguityReason.POSTAL_CODE)
    assert "Montluel (01)" in labels(ambiguous("01120").candidates)
    assert ambiguous("75048").reason is AmbiguityReason.MERGED


def test_name_of_today_asks_when_it_was_also_another_commune_before() -> None:
    # Marans (49) is now a part of Segré: only the person knows which Marans is meant.
    assert labels(ambiguous("Marans").candidates) == ["Marans (17)", "Segré-en-Anjou Bleu (49)"]


def test_label_means_the_commune_of_today_when_its_departement_had_a_homonym(monkeypatch: pytest.MonkeyPatch) -> None:
    # No such case in 2026; the next merger may bring one, and a label must always be read back.
    data = Dataset(
        {
            "source": asdict(territory.source()),
            "departements": [["01", "Ain", 5]],
            "epcis": [],
            "steps": {"01": [1, 1]},
            "names": "Alpha\nBeta",
            "postal": "01100\n01200",
            "sizes": "bc",
            "epci_of": [-1, -1],
            "former": [["01009", "Alpha", "01002"]],
            "arrondissements": [],
        }
    )
    monkeypatch.setattr(finding, "load", lambda: data)
    monkeypatch.setattr(finding, "name_index", lambda: NameIndex(data))

    assert resolved("Alpha (01)") == "Alpha (01)"
    assert labels(ambiguous("Alpha").candidates) == ["Alpha (01)", "Beta (01)"]


@pytest.mark.parametrize("text", ["", "   ", "93", "()", "zzz", "99999", "x" * 5000, "\x00"])
def test_text_that_names_nothing_is_not_found(text: str) -> None:
    assert territory.resolve(text) == NotFound()


@pytest.mark.parametrize(
    ("text", "suggested"),
    [("Monpellier", "Montpellier (34)"), ("Montreuill", "Montreuil (93)"), ("Montreuil 75", "Montreuil (93)")],
)
def test_slip_is_answered_with_suggestions(text: str, suggested: str) -> None:
    answer = territory.resolve(text)

    assert isinstance(answer, NotFound)
    assert answer.suggestions[0].label == suggested


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("montr", "Montreuil (93)"),
        ("Montreuil (9", "Montreuil (93)"),
        ("st den", "Saint-Denis (93)"),
        ("st", "Strasbourg (67)"),
        ("étienne", "Saint-Étienne (42)"),
        ("931", "Montreuil (93)"),
        ("arbignieu", "Arboys en Bugey (01)"),
        ("paris 1", "Paris (75)"),
    ],
)
def test_search_puts_the_likeliest_first(typed: str, first: str) -> None:
    assert territory.search(typed, 3)[0].label == first


def test_search_gives_each_commune_once_and_no_more_than_asked() -> None:
    found = territory.search("saint", 50)

    assert len(found) == len(set(found)) == 50
    assert territory.search("saint", 0) == []
