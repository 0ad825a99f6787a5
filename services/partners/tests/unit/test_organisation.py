"""What changes an organisation, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from partners.app.check_territory import check_territory
from partners.domain.errors import InvalidTerritory, KindImmutable, Refusal
from partners.domain.organisation import ClientRevoked, Details, Kind, Organisation, Territory, register
from territory import communes_of

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
DETAILS = Details("Exemple", "01 99 00 00 00", "1 rue de l’Exemple", Territory.of(communes=["93048"]))


def council() -> Organisation:
    organisation, _ = register(uuid4(), "cd93", Kind.COUNCIL, DETAILS, correlation_id=uuid4(), at=AT)
    return organisation


def test_nothing_changes_when_the_details_are_the_same_in_another_order() -> None:
    same = replace(DETAILS, territory=Territory.of(communes=["93048", "93048"]))

    assert council().change(Kind.COUNCIL, same, AT) is None


def test_version_grows_when_a_detail_changes() -> None:
    before = council()
    later = AT + timedelta(days=1)

    change = before.change(Kind.COUNCIL, replace(DETAILS, phone="01 99 00 00 01"), later)

    assert change is not None
    after, fact = change
    assert (after.version, after.changed_at, fact.organisation) == (before.version + 1, later, after)


def test_email_is_a_detail_that_may_come_and_go() -> None:
    given = council().change(Kind.COUNCIL, replace(DETAILS, email="accueil@example.org"), AT)

    assert given is not None
    assert given[0].details.email == "accueil@example.org"
    taken_back = given[0].change(Kind.COUNCIL, DETAILS, AT)
    assert taken_back is not None
    assert taken_back[0].details.email is None


def test_kind_is_refused_when_it_changes() -> None:
    with pytest.raises(KindImmutable):
        council().change(Kind.ASSOCIATION, DETAILS, AT)


def test_version_grows_when_a_client_is_revoked() -> None:
    before = council()

    after, fact = before.revoke("cd93-abc", AT)

    assert after.version == before.version + 1
    assert fact == ClientRevoked(after, "cd93-abc", AT)


def test_territory_is_refused_by_place_and_successor_when_codes_are_wrong() -> None:
    # 01033 absorbed 01091 (Châtillon-en-Michaille) in 2019.
    with pytest.raises(InvalidTerritory) as caught:
        check_territory(
            Territory.of(communes=["01091", "93048", "99999"], departements=["00"], epcis=["1"]), Kind.COUNCIL
        )

    assert caught.value.refusals == (
        Refusal("communes", 0, "Valserhône (01033)"),
        Refusal("communes", 2, None),
        Refusal("epcis", 0, None),
        Refusal("departements", 0, None),
    )


def test_collectivity_is_kept_under_one_code_when_it_has_two() -> None:
    assert check_territory(Territory.of(collectivities=["976D"]), Kind.COUNCIL).collectivities == ("976R",)


@pytest.mark.parametrize(
    ("departement", "collectivity"),
    [("93", "93D"), ("69", "69D"), ("67", "6AE"), ("2A", "20R"), ("75", "75C"), ("972", "972R"), ("973", "973R")],
)
def test_departement_of_whoever_answers_is_its_collectivity(departement: str, collectivity: str) -> None:
    given = Territory.of(departements=[departement])

    for answering in (Kind.COUNCIL, Kind.EMPLOYMENT_SERVICE):
        assert check_territory(given, answering) == Territory.of(collectivities=[collectivity])
    for other in (Kind.ASSOCIATION, Kind.TRAINING_PROVIDER):
        assert check_territory(given, other) == given


def test_the_rhones_council_does_not_see_the_metropole_of_lyon() -> None:
    rhone = check_territory(Territory.of(departements=["69"]), Kind.COUNCIL)
    lyon = check_territory(Territory.of(collectivities=["69M"]), Kind.COUNCIL)

    assert not communes_of(rhone) & communes_of(lyon)
    assert "69123" in communes_of(lyon)
