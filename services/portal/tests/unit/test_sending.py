"""One draft becomes one referral, however often and however badly it is sent."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from .conftest import CASEWORKER, REFERRAL_ID, VOLUNTEER, Portal, referral_document

DRAFT = UUID(int=99)
BASE = f"/orientations/nouvelle/{DRAFT}"
CREATED = (201, referral_document())
STEPS: list[tuple[str, dict[str, str | list[str]]]] = [
    ("personne", {"first_name": "Camille", "last_name": "Exemple", "birth_day": "3", "birth_month": "5",
                  "birth_year": "1988"}),
    ("lieu", {"commune": "Montreuil (93)"}),
    ("besoins", {"themes": ["logement-hebergement--louer-un-logement", "sante--acces-aux-soins"]}),
    ("precisions", {"note": "Préfère le matin", "person_informed": "yes"}),
]  # fmt: skip


async def filled(portal: Portal) -> str:
    csrf = await portal.sign_in(VOLUNTEER)
    gone_to = []
    for slug, fields in STEPS:
        answer = await portal.post(f"{BASE}/{slug}", {**fields, "jeton": csrf})
        gone_to.append(answer.headers["location"].removeprefix(f"{BASE}/"))
    assert gone_to == ["lieu", "besoins", "precisions", "verification"]
    return csrf


async def key_shown(portal: Portal) -> str:
    page = await portal.browser.get(f"{BASE}/verification")
    found = re.search(r'name="cle" value="([^"]+)"', page.text)
    assert found
    return found[1]


async def test_draft_is_sent_once_when_the_button_is_pressed_twice(portal: Portal) -> None:
    csrf = await filled(portal)
    portal.services.answers[("POST", "/referrals")] = CREATED
    key = await key_shown(portal)
    for _ in range(2):
        answer = await portal.post(f"{BASE}/verification", {"jeton": csrf, "cle": key})
        assert answer.headers["location"].startswith(f"/orientations/{REFERRAL_ID}")
    sent = portal.services.asked_for("POST", "/referrals")
    assert [request.headers["idempotency-key"] for request in sent] == [key]
    assert portal.drafts.kept[DRAFT][0].typed == {}
    back = await portal.browser.get(f"{BASE}/besoins")
    assert back.headers["location"] == f"/orientations/{REFERRAL_ID}"


async def test_summary_is_shown_unchanged_with_the_same_key_when_the_service_is_silent(portal: Portal) -> None:
    csrf = await filled(portal)
    portal.services.answers[("POST", "/referrals")] = (503, {})
    key = await key_shown(portal)
    answer = await portal.post(f"{BASE}/verification", {"jeton": csrf, "cle": key})
    assert answer.status_code == 503
    assert "Camille" in answer.text
    assert f'name="cle" value="{key}"' in answer.text


async def test_next_sending_is_another_request_when_the_first_was_refused(portal: Portal) -> None:
    csrf = await filled(portal)
    portal.services.answers[("POST", "/referrals")] = (422, {"code": "council_not_joined", "errors": []})
    key = await key_shown(portal)
    answer = await portal.post(f"{BASE}/verification", {"jeton": csrf, "cle": key})
    assert answer.status_code == 422
    assert "n’utilise pas encore Maillage" in answer.text
    assert await key_shown(portal) != key

    portal.services.answers[("POST", "/referrals")] = CREATED
    old_page = await portal.post(f"{BASE}/verification", {"jeton": csrf, "cle": key})
    assert old_page.headers["location"] == f"{BASE}/verification"
    assert len(portal.services.asked_for("POST", "/referrals")) == 1


@pytest.mark.parametrize(
    ("errors", "shown", "hidden"),
    [
        (["person.last_name"], [f'href="{BASE}/personne?retour=verification#last_name"', "« Exemple » ou « Test »"],
         ["Relisez chaque réponse"]),
        (["person.birth_date", "themes[0]"], ["#birth_day", f"{BASE}/besoins?retour=verification#themes"], ["bac à"]),
        ([], ["Relisez chaque réponse", "06 39 98 12 34", "camille@example.org"], ["#last_name\">le nom"]),
    ],
)  # fmt: skip
async def test_refusal_names_the_answers_to_change_and_what_the_sandbox_takes(
    portal: Portal, errors: list[str], shown: list[str], hidden: list[str]
) -> None:
    csrf = await filled(portal)
    problem = {"code": "validation_failed", "errors": [{"field": field, "message": "x"} for field in errors]}
    portal.services.answers[("POST", "/referrals")] = (422, problem)
    answer = await portal.post(f"{BASE}/verification", {"jeton": csrf, "cle": await key_shown(portal)})
    notice = answer.text.partition('id="erreurs"')[2].partition("<h1>")[0].replace("\u00a0", " ").replace("\u202f", " ")
    assert answer.status_code == 422
    assert [text for text in shown if text not in notice] == []
    assert [text for text in hidden if text in notice] == []


async def test_page_says_to_look_at_the_list_when_an_earlier_version_may_have_arrived(portal: Portal) -> None:
    csrf = await filled(portal)
    portal.services.answers[("POST", "/referrals")] = (422, {"code": "idempotency_key_reused", "errors": []})
    answer = await portal.post(f"{BASE}/verification", {"jeton": csrf, "cle": await key_shown(portal)})
    assert "peut-être déjà partie" in answer.text


async def test_faults_are_on_the_page_after_a_reload_when_a_step_is_wrong(portal: Portal) -> None:
    csrf = await portal.sign_in(VOLUNTEER)
    answer = await portal.post(f"{BASE}/personne", {"jeton": csrf, "first_name": "Camille"})
    assert answer.headers["location"] == f"{BASE}/personne#erreurs"
    for _ in range(2):
        page = await portal.browser.get(f"{BASE}/personne")
        assert 'value="Camille"' in page.text
        assert "Indiquez le nom de famille." in page.text
        assert "<title>Erreur" in page.text


async def test_homonyms_are_offered_as_choices_when_the_name_is_ambiguous(portal: Portal) -> None:
    csrf = await portal.sign_in(VOLUNTEER)
    await portal.post(f"{BASE}/lieu", {"jeton": csrf, "commune": "Montreuil"})
    page = await portal.browser.get(f"{BASE}/lieu")
    offered = re.findall(r'type="radio" name="commune_code" value="(\w+)"', page.text)
    assert {"93048", "28267", "85148"} <= set(offered)


async def test_new_name_is_said_when_the_commune_has_merged(portal: Portal) -> None:
    csrf = await portal.sign_in(VOLUNTEER)
    await portal.post(f"{BASE}/lieu", {"jeton": csrf, "commune": "Bellegarde-sur-Valserine"})
    page = await portal.browser.get(f"{BASE}/lieu")
    assert "Valserhône (01)" in page.text
    assert "en rejoignant une autre" in page.text


async def test_somebody_elses_draft_does_not_exist(portal: Portal) -> None:
    await filled(portal)
    await portal.sign_in(CASEWORKER)
    assert (await portal.browser.get(f"{BASE}/verification")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 422),
        ({"reasons": "other", "declined_by": "provider"}, 422),
        ({"reasons": ["other", "session_full"], "declined_by": "provider", "shareable": "no"}, 303),
    ],
)
async def test_decline_is_sent_only_when_complete(
    portal: Portal, fields: dict[str, str | list[str]], expected: int
) -> None:
    path = f"/referrals/{REFERRAL_ID}"
    portal.services.answers[("GET", path)] = (200, referral_document())
    portal.services.answers[("POST", f"{path}/decline")] = (200, referral_document())
    csrf = await portal.sign_in(CASEWORKER)
    answer = await portal.post(f"/orientations/{REFERRAL_ID}/refus", {**fields, "jeton": csrf, "cle": "k"})
    assert answer.status_code == expected
    body = {"reasons": ["session_full", "other"], "declined_by": "provider", "shareable_with_person": False}
    assert portal.services.bodies("POST", f"{path}/decline") == ([body] if expected == 303 else [])


async def test_page_shows_where_things_stand_when_an_act_comes_too_late(portal: Portal) -> None:
    path = f"/referrals/{REFERRAL_ID}"
    portal.services.answers[("GET", path)] = (200, referral_document(status="withdrawn", allowed=[]))
    portal.services.answers[("POST", f"{path}/receipt")] = (409, {"code": "illegal_transition"})
    csrf = await portal.sign_in(CASEWORKER)
    answer = await portal.post(f"/orientations/{REFERRAL_ID}/reception", {"jeton": csrf, "cle": "k"})
    page = await portal.browser.get(answer.headers["location"])
    assert "a changé entre-temps" in page.text
    assert "<button>Dire que je l’ai reçue" not in page.text


async def test_acceptance_has_a_page_of_its_own_with_one_button(portal: Portal) -> None:
    path = f"/orientations/{REFERRAL_ID}"
    services = portal.services.answers
    services[("GET", f"/referrals/{REFERRAL_ID}")] = (
        200,
        referral_document(status="under_review", allowed=["acceptance"]),
    )
    await portal.sign_in(CASEWORKER)
    assert f'action="{path}/acceptation"' not in (await portal.browser.get(path)).text
    shown = await portal.browser.get(f"{path}/acceptation")
    assert "vous vous engagez à prendre contact" in shown.text
    assert shown.text.count(f'action="{path}/acceptation"') == 1
    services[("GET", f"/referrals/{REFERRAL_ID}")] = (200, referral_document(allowed=["receipt"]))
    late = await portal.browser.get(f"{path}/acceptation")
    assert late.headers["location"] == f"{path}?change=oui"


async def test_association_cannot_use_a_councils_act_when_it_posts_one(portal: Portal) -> None:
    csrf = await portal.sign_in(VOLUNTEER)
    answer = await portal.post(f"/orientations/{REFERRAL_ID}/acceptation", {"jeton": csrf, "cle": "k"})
    assert answer.status_code == 404
    assert portal.services.asked == []
