"""Pages where an organisation chooses which events its stream takes: what is asked, checked, sent and said."""

from __future__ import annotations

import re

import pytest

from maillage_contracts.catalogue import catalogue
from portal.domain.member import Member
from portal.domain.stream_types import IDENTIFIED, StreamTypes, TypesAsked

from .conftest import Portal
from .test_partners import MANAGER, OPERATOR

SUBMITTED = "fr.maillage.referrals.referral.submitted.v1"
DECLINED = "fr.maillage.referrals.referral.declined.v1"
NEWER = "fr.maillage.newer.thing.happened.v1"
AVAILABLE = [DECLINED, SUBMITTED, IDENTIFIED, NEWER]
ERASED = "fr.maillage.registration.person.erased.v1"
PAGE = "/evenements-recus"
ROUTE = "/event-types"


def document(chosen: list[str] | None, version: int = 3) -> dict[str, object]:
    return {"event_types": chosen, "always": [ERASED], "available": AVAILABLE, "version": version}


@pytest.fixture
def answered(portal: Portal) -> Portal:
    for before in ("", "/organisations/cd93"):
        portal.services.answers[("GET", before + ROUTE)] = (200, document(None))
        portal.services.answers[("PUT", before + ROUTE)] = (200, document(None))
    found = {"code": "cd93", "name": "Conseil", "kind": "council"}
    portal.services.answers[("GET", "/organisations/cd93")] = (200, found)
    return portal


def typed(**values: str | list[str]) -> dict[str, str | list[str]]:
    families = {"famille-referrals-referral": "toute", "famille-registration-person": "aucun"}
    return {"which": "choix", **families, "famille-newer-thing": "aucun", **values}


def hidden(html: str) -> dict[str, str | list[str]]:
    """Return what the page's check carries."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html):
        found.setdefault(name, []).append(value)
    return {name: values if name == "types" else values[-1] for name, values in found.items() if name != "jeton"}


async def test_page_says_what_each_event_means_and_what_is_always_told(answered: Portal) -> None:
    await answered.sign_in(MANAGER)
    page = (await answered.browser.get(PAGE)).text
    assert "Aujourd’hui : tous." in page.replace("\u00a0", " ")
    for name in (SUBMITTED, DECLINED, IDENTIFIED, ERASED):
        assert catalogue()[name].title.fr in page
    assert "<code>fr.maillage.newer.thing.happened.v1</code>" in page
    assert "Autres événements" in page


@pytest.mark.parametrize(("member", "before"), [(MANAGER, ""), (OPERATOR, "/organisations/cd93")])
async def test_choice_is_checked_first_and_sent_once_it_is_confirmed(
    answered: Portal, member: Member, before: str
) -> None:
    csrf = await answered.sign_in(member)
    check = await answered.post(before + PAGE, {**typed(), "jeton": csrf})
    assert check.status_code == 200
    assert answered.services.asked_for("PUT", before + ROUTE) == []
    assert "2 événements n’arriveront plus" in check.text
    assert "Ce qui est déjà sur le flux y reste" in check.text
    assert "Gardez « personne identifiée »".replace("« ", "«\u00a0").replace(" »", "\u202f»") in check.text
    done = await answered.post(before + PAGE, {**hidden(check.text), "etape": "envoyer", "jeton": csrf})
    assert done.headers["location"] == f"{before}{PAGE}?fait=types"
    assert answered.services.bodies("PUT", before + ROUTE) == [{"event_types": [DECLINED, SUBMITTED], "version": 3}]


async def test_all_is_sent_as_all_and_ticks_count_only_for_some(answered: Portal) -> None:
    csrf = await answered.sign_in(MANAGER)
    answered.services.answers[("GET", ROUTE)] = (200, document([DECLINED]))
    some = {
        **typed(), "famille-referrals-referral": "quelques", "types-referrals-referral": [SUBMITTED],
        "types-registration-person": [IDENTIFIED],
    }  # fmt: skip
    for fields, body in ((some, [SUBMITTED]), ({"which": "tous"}, None)):
        check = await answered.post(PAGE, {**fields, "jeton": csrf})
        done = await answered.post(PAGE, {**hidden(check.text), "etape": "envoyer", "jeton": csrf})
        assert done.headers["location"] == f"{PAGE}?fait=types"
        assert answered.services.bodies("PUT", ROUTE)[-1] == {"event_types": body, "version": 3}


async def test_change_leads_back_to_the_form_with_the_choice(answered: Portal) -> None:
    csrf = await answered.sign_in(MANAGER)
    check = await answered.post(PAGE, {**typed(), "jeton": csrf})
    back = await answered.post(PAGE, {**hidden(check.text), "etape": "corriger", "jeton": csrf})
    assert back.status_code == 200
    assert re.search(r'name="famille-registration-person" value="aucun"[^>]* checked', back.text)
    assert re.search(r'name="famille-referrals-referral" value="toute"[^>]* checked', back.text)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Dites si le flux prend tous"),
        (typed(**{"famille-newer-thing": ""}), "Choisissez : toute la famille"),
        (typed(**{"famille-newer-thing": "quelques"}), "Cochez au moins un événement"),
        (typed(**{"famille-referrals-referral": "aucun"}), "Choisissez au moins un événement"),
        ({"which": "choix", "etape": "envoyer", "types": ["forged"]}, "Choisissez au moins un événement"),
    ],
)
async def test_what_is_missing_is_said_and_nothing_is_sent(
    answered: Portal, fields: dict[str, str | list[str]], said: str
) -> None:
    csrf = await answered.sign_in(MANAGER)
    page = await answered.post(PAGE, {**fields, "jeton": csrf})
    assert page.status_code == 422
    assert said in page.text.replace("\u00a0", " ")
    assert answered.services.asked_for("PUT", ROUTE) == []


async def test_pressed_twice_changes_once_and_a_choice_of_meanwhile_is_shown_first(answered: Portal) -> None:
    csrf = await answered.sign_in(MANAGER)
    check = hidden((await answered.post(PAGE, {**typed(), "jeton": csrf})).text)
    for now, said in ((document([DECLINED, SUBMITTED], 4), "types"), (document([DECLINED], 4), "change")):
        answered.services.answers[("GET", ROUTE)] = (200, now)
        done = await answered.post(PAGE, {**check, "etape": "envoyer", "jeton": csrf})
        assert done.headers["location"] == f"{PAGE}?fait={said}"
    assert answered.services.asked_for("PUT", ROUTE) == []


async def test_a_choice_that_came_first_is_shown_whoever_checked_before(answered: Portal) -> None:
    csrf = await answered.sign_in(MANAGER)
    check = hidden((await answered.post(PAGE, {**typed(), "jeton": csrf})).text)
    answered.services.answers[("PUT", ROUTE)] = (409, {"code": "changed_meanwhile"})
    done = await answered.post(PAGE, {**check, "etape": "envoyer", "jeton": csrf})
    assert done.headers["location"] == f"{PAGE}?fait=change"


async def test_same_choice_says_that_nothing_changed(answered: Portal) -> None:
    csrf = await answered.sign_in(MANAGER)
    done = await answered.post(PAGE, {"which": "tous", "jeton": csrf})
    assert done.headers["location"] == f"{PAGE}?fait=types-memes"


def test_form_for_a_choice_gives_the_choice_back() -> None:
    stream = StreamTypes(None, (), tuple(AVAILABLE), 1)
    for choice in (None, tuple(AVAILABLE), (DECLINED,), (DECLINED, IDENTIFIED)):
        asked = TypesAsked.of(stream, choice)
        assert asked.choice(stream) == choice
        assert asked.faults(stream) == ()
