"""A joint accompaniment through pages: proposed, accepted by both, planned together, noted apart, with scripts and
without.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from .conftest import OpenPage, RunningPortal, SignIn
from .dates import day_in_words, in_a_month
from .story_pages import BOTH

COUNCIL_NOTE, SERVICE_NOTE = "Note du conseil seulement", "Note du service seulement"


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def write_note(page: Page, text: str) -> None:
    """Write the private note of the reader's side."""
    await page.get_by_role("link", name="Écrire une note").click()
    await page.locator("#note").fill(text)
    await press(page, "Enregistrer la note")
    await expect(page.locator("#note-privee")).to_contain_text(text)


@pytest.mark.parametrize("scripts", [True, False])
async def test_two_organisations_accept_plan_and_note_apart(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, scripts: bool
) -> None:
    (referral_id,) = portal.fill({"status": "accepted"})
    council = await open_page(portal.url, scripts=scripts)
    await sign_in(council, "Travailleuse")
    await council.goto(f"/orientations/{referral_id}")
    await council.get_by_role("link", name="Proposer un accompagnement global").click()
    portal.control("set", {"unidentified": True})
    await press(council, "Proposer un accompagnement global")
    await expect(council.locator("#erreurs")).to_contain_text("Attendez quelques secondes")
    portal.control("set", {})
    await press(council, "Proposer de nouveau")
    await expect(council.locator(".notice.done")).to_contain_text("La proposition est envoyée")
    address = council.url.split("?")[0]
    assert "Camille" not in council.url + await council.title()
    await council.get_by_role("link", name="Accepter l’accompagnement").click()
    await press(council, "Accepter l’accompagnement")
    await expect(council.locator(".state")).to_contain_text("Un accord sur deux")
    await write_note(council, COUNCIL_NOTE)

    service = await open_page(portal.url, scripts=scripts)
    await sign_in(service, "Conseiller")
    await expect(service.locator(".first")).to_contain_text("1 accompagnement attend votre réponse.")
    await service.locator(".first a").click()
    await service.get_by_role("link", name="Accepter l’accompagnement").click()
    await press(service, "Accepter l’accompagnement")
    await expect(service.locator(".state")).to_contain_text("En cours")
    await write_note(service, SERVICE_NOTE)
    assert COUNCIL_NOTE not in await service.content()
    await plan_together(service)

    await council.goto(address)
    await expect(council.locator("#plan")).to_contain_text("Travailler près de chez moi")
    await expect(council.locator("#plan")).to_contain_text("Une place est gardée, à confirmer.")
    assert SERVICE_NOTE not in await council.content()
    await council.locator("#acte-rendez-vous").click()
    await council.locator("#day_1").fill(in_a_month().isoformat())
    await council.locator("#hour_1").fill("14:00")
    await press(council, "Proposer ces dates")
    await expect(council.locator("main")).to_contain_text(f"{day_in_words(in_a_month())} à 14\u202fh")
    await council.get_by_role("link", name="Ouvrir l’accompagnement").click()
    await council.get_by_role("link", name="Mettre fin à votre part").click()
    await council.get_by_label("La personne a déménagé").check()
    await press(council, "Mettre fin à votre part")
    await expect(council.locator(".state")).to_contain_text("Terminé")
    await council.goto(f"/orientations/{referral_id}")
    await expect(council.locator("#acte-accompagnement")).to_be_visible()


async def plan_together(page: Page) -> None:
    """Write a goal, something to do and a training course, and save."""
    await page.locator("#changer-plan").click()
    await press(page, "Ajouter un objectif")
    await page.get_by_label("Objectif 1", exact=True).fill("Travailler près de chez moi")
    await press(page, "Ajouter une démarche")
    await expect(page.locator("#action h3")).to_have_text("Action 1\u00a0: une démarche")
    await press(page, "Enregistrer le plan")
    await expect(page.locator("#erreurs")).to_contain_text("3 réponses sont à revoir")
    await page.locator("#text").fill("Écrire un CV")
    await page.locator("#theme").select_option(label="Faire ses démarches en ligne")
    await page.get_by_label("La personne").check()
    await page.locator("#due_on").fill("2027-01-31")
    await press(page, "Ajouter une formation")
    await page.get_by_label("Les bases du numérique").check()
    await page.get_by_label("Conseil départemental de l’Exemple").check()
    await press(page, "Enregistrer le plan")
    await expect(page.locator(".notice.done")).to_contain_text("Le plan est enregistré")


@pytest.mark.parametrize("scripts", [True, False])
async def test_typed_plan_survives_reload_back_and_a_double_click(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, scripts: bool
) -> None:
    portal.fill({"status": "accepted"})
    (one,) = portal.accompany({"status": "active", "accepted": BOTH, "rows": [1, 1]})
    page = await open_page(portal.url, scripts=scripts)
    await sign_in(page, "Conseiller")
    await page.goto(f"/accompagnements/{one}/plan")
    await page.get_by_label("Objectif 1", exact=True).fill("Dormir mieux")
    await page.get_by_role("button", name="Ajouter une démarche").dblclick()
    await expect(page.locator("#action")).to_be_visible()
    await page.locator("#text").fill("Appeler le médecin")
    # The Enter key in a field keeps, it does not save.
    await page.locator("#due_on").press("Enter")
    await expect(page.locator("#erreurs")).to_contain_text("2 réponses sont à revoir")
    await page.reload()
    await expect(page.locator("#text")).to_have_value("Appeler le médecin")
    await page.go_back()
    await page.go_forward()
    await expect(page.get_by_label("Objectif 1", exact=True)).to_have_value("Dormir mieux")
    await expect(page.locator(".actions > li")).to_have_count(2)
    await page.goto(f"/accompagnements/{one}")
    await expect(page.locator(".notice.wait")).to_contain_text("Ce n’est pas encore enregistré")
    await expect(page.locator("#plan")).not_to_contain_text("Dormir mieux")
    await page.get_by_role("link", name="Continuer").click()
    await press(page, "Abandonner mes changements")
    await expect(page.locator(".notice.wait")).to_have_count(0)


@pytest.mark.parametrize(("scripts", "begun"), [(True, True), (False, False)])
async def test_plan_that_the_other_side_changed_is_beside_mine(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, scripts: bool, begun: bool
) -> None:
    portal.fill({"status": "accepted"})
    (one,) = portal.accompany({"status": "active", "accepted": BOTH, "rows": [1, 0]})
    page = await open_page(portal.url, scripts=scripts)
    await sign_in(page, "Travailleuse")
    await page.goto(f"/accompagnements/{one}/plan")
    await page.get_by_label("Objectif 1", exact=True).fill("Ma phrase")
    if begun:
        await press(page, "Ajouter un objectif")
    theirs = [{"goal_id": "goal-0", "text": "Leur phrase"}, {"text": "Conduire"}]
    portal.control(f"replan/{one}", {"goals": theirs, "actions": []})
    await press(page, "Enregistrer le plan")
    await expect(page.locator("#nouveau")).to_contain_text("Le plan a changé pendant que vous écriviez")
    await expect(page.locator(".saved")).to_contain_text("Leur phrase")
    await expect(page.get_by_label("Objectif 1", exact=True)).to_have_value("Ma phrase")
    # What was begun earlier stays as it was; what begins with this click starts from what they added.
    if begun:
        await page.get_by_role("button", name="Reprendre Objectif 2").click()
    await expect(page.get_by_label(f"Objectif {3 if begun else 2}", exact=True)).to_have_value("Conduire")
    await press(page, "Enregistrer ma version")
    await expect(page.locator("#plan")).to_contain_text("Ma phrase")
    await expect(page.locator("#plan")).to_contain_text("Conduire")


async def test_slow_double_click_on_proposing_never_accepts(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({"status": "accepted"})
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Travailleuse")
    await page.goto(f"/orientations/{referral_id}/accompagnement")
    button = page.get_by_role("button", name="Proposer un accompagnement global")
    await button.scroll_into_view_if_needed()  # the mouse reaches only what is on the screen
    box = await button.bounding_box()
    assert box is not None
    for _ in range(3):
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await page.wait_for_load_state()
    # Clicks are as fast as the machine: what the last one sent is answered before anything is looked at.
    await expect(page).to_have_url(re.compile("/accompagnements/"))
    (made,) = portal.state()["accompaniments"].values()
    assert made["accepted"] == []
