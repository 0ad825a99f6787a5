"""The form and the answers, with scripts and without: nothing lost, nothing doubled."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from .conftest import OpenPage, RunningPortal, SignIn, submit

Look = Callable[[Page, str], Awaitable[None]]

PERSON = {"first_name": "Camille", "last_name": "Exemple", "birth_day": "3", "birth_month": "5", "birth_year": "1988"}


async def to_summary(page: Page) -> None:
    """Fill the four steps in."""
    send = page.locator("main form button")
    await page.goto("/orientations/nouvelle")
    for name, value in PERSON.items():
        await page.locator(f"#{name}").fill(value)
    await send.click()
    await page.locator("#commune").fill("93100")
    await send.click()
    await page.locator("summary").nth(7).click()
    await page.get_by_label("Louer un logement").check()
    await send.click()
    await page.locator("#note").fill("Préfère le matin")
    await page.locator("#person_informed").check()
    await send.click()
    await expect(page.locator("h1")).to_have_text("Relisez avant d’envoyer")


async def test_association_says_where_the_person_lives_now_without_scripts(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, look: Look
) -> None:
    (one,) = portal.fill({"commune": {"code": "93048", "name": "Montreuil"}})
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Bénévole")
    await page.goto(f"/orientations/{one}")
    await look(page, "move-offered")
    await page.locator("#acte-demenagement").click()
    send = page.locator("main form .after button")
    for text, said in (
        ("", "Indiquez la commune"),
        ("Montreuil (93)", "déjà à cette commune"),
        ("Saint-Denis", "bonne"),
    ):
        await page.locator("#commune").fill(text)
        await submit(page, "main form .after button")
        await expect(page.locator("#erreurs")).to_contain_text(said)
    await look(page, "move-choice")
    await page.locator("#commune").fill("Villeurbanne (69)")
    await send.click()
    await expect(page.locator("h1")).to_have_text("Vérifiez la nouvelle commune")
    await expect(page.locator("main")).to_contain_text("Métropole de Lyon")
    await look(page, "move-check")
    portal.control("set", {"refuse": "council_not_joined"})
    await submit(page, "button[value=envoyer]")
    await expect(page.locator("#erreurs")).to_contain_text("n’utilise pas encore Maillage")
    await expect(page.locator("#commune")).to_have_value("Villeurbanne (69)")
    await look(page, "move-refused")
    portal.control("set", {})
    await send.click()
    await page.get_by_role("button", name="Enregistrer la nouvelle commune").dblclick()
    await expect(page.get_by_role("status")).to_contain_text("La nouvelle commune est enregistrée")
    await look(page, "moved")
    assert [step["status"] for step in portal.control(f"history/{one}")] == ["submitted", "moved"]


@pytest.mark.parametrize("scripts", [True, False])
async def test_referral_is_sent_and_answered(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, scripts: bool
) -> None:
    portal.fill()
    association = await open_page(portal.url, scripts=scripts)
    await sign_in(association, "Bénévole")
    await expect(association.locator(".empty")).to_contain_text("Vous n’avez encore orienté personne")
    await to_summary(association)
    await association.get_by_role("button", name="Envoyer l’orientation").click()
    await expect(association.locator("h1")).to_have_text("Orientation de Camille Exemple")
    assert "Camille" not in association.url + await association.title()

    council = await open_page(portal.url, scripts=scripts)
    await sign_in(council, "Travailleuse")
    await expect(council.locator(".first")).to_contain_text("1 orientation attend")
    await council.locator(".first a").click()
    for act in ("Dire que je l’ai reçue", "Commencer l’examen"):
        await council.get_by_role("button", name=act, exact=True).click()
    await council.get_by_role("link", name="Accepter l’orientation").click()
    await expect(council.locator("h1")).to_have_text("Accepter cette orientation")
    await council.get_by_role("button", name="Accepter l’orientation", exact=True).click()
    await expect(council.locator(".state")).to_contain_text("Acceptée")
    await association.goto("/orientations")
    await expect(association.locator("tbody .tag")).to_contain_text("Acceptée")


@pytest.mark.parametrize("scripts", [True, False])
async def test_one_referral_exists_when_the_button_is_clicked_twice_then_back(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, scripts: bool
) -> None:
    portal.fill()
    before = portal.state()["sent"]
    page = await open_page(portal.url, scripts=scripts)
    await sign_in(page, "Bénévole")
    await to_summary(page)
    await page.get_by_role("button", name="Envoyer l’orientation").dblclick()
    # Not wait_for_url: without scripts the second click's form cuts the first one's navigation short.
    await expect(page).to_have_url(re.compile("/orientations/.*envoyee=oui"))
    await page.wait_for_load_state()
    sent_to = page.url.split("?")[0]
    await page.reload()
    await page.go_back()
    assert page.url.split("?")[0] == sent_to
    assert portal.state()["sent"] == before + 1
    assert portal.state()["referrals"] == 1


@pytest.mark.parametrize("scripts", [True, False])
async def test_slow_double_click_on_one_act_never_accepts(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, scripts: bool
) -> None:
    (referral_id,) = portal.fill({"status": "received"})
    page = await open_page(portal.url, scripts=scripts)
    await sign_in(page, "Travailleuse")
    await page.goto(f"/orientations/{referral_id}")
    box = await page.get_by_role("button", name="Commencer l’examen").bounding_box()
    assert box is not None
    where = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.click(*where)
    await expect(page.locator(".state")).to_contain_text("En examen")
    # What stands there now is the way to the page that asks first.
    async with page.expect_navigation():
        await page.mouse.click(*where)
    await expect(page.locator("h1")).to_have_text("Accepter cette orientation")
    await page.goto(f"/orientations/{referral_id}")
    await expect(page.locator(".state")).to_contain_text("En examen")


async def test_typed_text_is_kept_when_the_session_is_lost(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Bénévole")
    await page.goto("/orientations/nouvelle")
    for name, value in PERSON.items():
        await page.locator(f"#{name}").fill(value)
    await page.context.clear_cookies(name="maillage_session")
    await page.locator("main form button").click()
    await expect(page.locator("h1")).to_contain_text("Rien n’est perdu")
    await page.get_by_label("Bénévole").check()
    await page.locator("main form button").click()
    await page.get_by_role("button", name="Continuer là où vous étiez").click()
    await expect(page.locator("h1")).to_have_text("Où vit cette personne")
    await page.locator(".back a").click()
    assert await page.locator("#last_name").input_value() == "Exemple"


async def test_summary_can_be_sent_again_when_the_service_came_back(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    page = await open_page(portal.url)
    await sign_in(page, "Bénévole")
    await to_summary(page)
    portal.control("set", {"down": ["referrals"]})
    await page.get_by_role("button", name="Envoyer l’orientation").click()
    await expect(page.locator("#erreurs")).to_be_focused()
    await expect(page.locator("dl").first).to_contain_text("Camille")
    portal.control("set", {})
    await page.get_by_role("button", name="Envoyer de nouveau l’orientation").click()
    await expect(page.locator(".notice.done")).to_contain_text("L’orientation est envoyée")


async def test_change_link_comes_back_to_the_summary(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    page = await open_page(portal.url)
    await sign_in(page, "Bénévole")
    await to_summary(page)
    await page.get_by_role("link", name="Modifier le prénom").click()
    await page.locator("#first_name").fill("")
    await page.get_by_role("button", name="Enregistrer et revenir au résumé").click()
    await expect(page.locator("#erreurs")).to_be_focused()
    await page.locator("#first_name").fill("Dominique")
    await page.get_by_role("button", name="Enregistrer et revenir au résumé").click()
    await expect(page.locator("dl").first).to_contain_text("Dominique")


async def test_places_are_suggested_while_typing_but_never_a_street(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    page = await open_page(portal.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/communes" in request.url else None)
    await sign_in(page, "Bénévole")
    await page.goto("/orientations/nouvelle")
    for name, value in PERSON.items():
        await page.locator(f"#{name}").fill(value)
    await page.locator("main form button").click()
    await page.locator("#commune").fill("12 rue de Camille Exemple")
    await page.locator("#commune").fill("Montreu")
    await expect(page.locator("#communes option[value='Montreuil (93)']")).to_have_count(1)
    assert len(asked) == 1
    assert "Camille" not in asked[0]


async def test_nothing_is_asked_of_another_site(portal: RunningPortal, open_page: OpenPage, sign_in: SignIn) -> None:
    portal.fill(*({} for _ in range(25)))
    page = await open_page(portal.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto("/design")
    await sign_in(page, "Bénévole")
    assert [url for url in asked if not url.startswith(portal.url)] == []
