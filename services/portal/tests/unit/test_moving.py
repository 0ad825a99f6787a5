"""Pages where an association says that a person lives elsewhere: what is asked, checked, sent and said."""

from __future__ import annotations

import re

import pytest

from .conftest import CASEWORKER, REFERRAL_ID, VOLUNTEER, Portal, referral_document

PATH = f"/orientations/{REFERRAL_ID}"
PAGE = f"{PATH}/demenagement"
ROUTE = f"/referrals/{REFERRAL_ID}/move"
LYON = {"commune": "Villeurbanne (69)", "commune_code": "69266", "commune_asked": "Villeurbanne (69)"}


@pytest.fixture
def answered(portal: Portal) -> Portal:
    portal.services.answers[("GET", f"/referrals/{REFERRAL_ID}")] = (
        200, referral_document(allowed=["withdrawal", "move"]),
    )  # fmt: skip
    portal.services.answers[("POST", ROUTE)] = (200, referral_document())
    return portal


def hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(cle|commune\w*)" value="([^"]*)">', html))


async def test_effects_are_shown_first_and_the_move_is_sent_with_one_key(answered: Portal) -> None:
    csrf = await answered.sign_in(VOLUNTEER)
    assert PAGE in (await answered.browser.get(PATH)).text
    checks = [await answered.post(PAGE, {"commune": "Villeurbanne (69)", "jeton": csrf}) for _ in range(2)]
    assert "Métropole de Lyon" in checks[0].text
    assert "Conseil de l’Exemple ne voit plus cette orientation" in checks[0].text
    assert answered.services.asked_for("POST", ROUTE) == []
    for check in checks:
        done = await answered.post(PAGE, {**hidden(check.text), "etape": "envoyer", "jeton": csrf})
        assert done.headers["location"] == f"{PATH}?demenagement=oui"
    assert answered.services.bodies("POST", ROUTE) == [{"commune": "69266"}] * 2
    assert len({asked.headers["idempotency-key"] for asked in answered.services.asked_for("POST", ROUTE)}) == 1


async def test_commune_of_the_same_authority_keeps_its_council(answered: Portal) -> None:
    csrf = await answered.sign_in(VOLUNTEER)
    check = (await answered.post(PAGE, {"commune": "Bobigny", "jeton": csrf})).text
    assert "garde l’orientation, et les délais continuent" in check
    assert "ne voit plus" not in check


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Indiquez la commune"), ("Montreuil (93)", "déjà à cette commune"), ("Saint-Denis", "Choisissez la bonne"),
        ("Xyzzy", "Nous ne trouvons pas cette commune"),
    ],
)  # fmt: skip
async def test_commune_that_is_not_enough_is_asked_for_again(answered: Portal, typed: str, said: str) -> None:
    csrf = await answered.sign_in(VOLUNTEER)
    page = await answered.post(PAGE, {"commune": typed, "jeton": csrf})
    assert (page.status_code, said in page.text) == (422, True)
    assert f'value="{typed}"' in page.text


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ((409, {"code": "same_commune"}), 422, "déjà à cette commune"),
        ((409, {"code": "illegal_transition"}), 303, "?change=oui"),
        ((409, {"code": "person_erased"}), 409, "ont été effacés"),
        ((409, {"code": "idempotency_in_progress"}), 409, "est en train d’aboutir"),
        ((422, {"code": "council_not_joined"}), 422, "le conseil d’avant garde l’orientation"),
        ((422, {"code": "unknown_commune"}), 422, "n’a pas été reconnue"),
        ((422, {"code": "commune_merged", "successor": {"name": "Annecy", "code": "74010"}}), 422, "Annecy (74010)"),
        ((422, {"code": "newer"}), 422, "Appelez-nous"),
        ((422, {"code": "idempotency_key_reused"}), 303, "?change=oui"),
        ((503, {}), 503, "ne se fera pas deux fois"),
    ],
)
async def test_refusal_says_what_to_do_and_keeps_what_was_typed(
    answered: Portal, answer: tuple[int, object], status: int, said: str
) -> None:
    answered.services.answers[("POST", ROUTE)] = answer
    csrf = await answered.sign_in(VOLUNTEER)
    done = await answered.post(PAGE, {**LYON, "cle": "k", "etape": "envoyer", "jeton": csrf})
    assert done.status_code == status
    assert said in (done.headers.get("location", "") + done.text)
    assert status == 303 or "Villeurbanne (69)" in done.text


async def test_change_leads_back_with_the_commune(answered: Portal) -> None:
    csrf = await answered.sign_in(VOLUNTEER)
    back = await answered.post(PAGE, {**LYON, "etape": "corriger", "jeton": csrf})
    assert 'value="Villeurbanne (69)"' in back.text
    assert 'role="alert"' not in back.text


async def test_only_the_association_is_offered_it_and_only_while_the_service_allows_it(answered: Portal) -> None:
    csrf = await answered.sign_in(CASEWORKER)
    assert PAGE not in (await answered.browser.get(PATH)).text
    assert (await answered.browser.get(PAGE)).headers["location"] == f"{PATH}?change=oui"
    assert (await answered.post(PAGE, {**LYON, "cle": "k", "etape": "envoyer", "jeton": csrf})).status_code == 404
    answered.services.answers[("GET", f"/referrals/{REFERRAL_ID}")] = (200, referral_document(allowed=[]))
    csrf = await answered.sign_in(VOLUNTEER)
    assert PAGE not in (await answered.browser.get(PATH)).text
    assert (await answered.post(PAGE, {**LYON, "jeton": csrf})).headers["location"] == f"{PATH}?change=oui"
    assert answered.services.asked_for("POST", ROUTE) == []
