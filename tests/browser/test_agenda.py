"""The agenda of two organisations, and each act on an appointment: asked on a page of its own, then done."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from .conftest import OpenPage, RunningPortal, SignIn
from .dates import day_in_words, in_a_month


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize("scripts", [True, False])
async def test_appointments_are_answered_moved_and_cancelled(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, scripts: bool
) -> None:
    portal.fill({"status": "accepted"})
    portal.accompany({"status": "active"})
    past, moved, proposed = portal.appoint({"day": -1}, {"day": 2}, {"status": "proposed"})
    page = await open_page(portal.url, scripts=scripts)
    await sign_in(page, "Travailleuse")
    await page.get_by_role("link", name="Agenda").click()
    await expect(page.locator(".first")).to_contain_text("1 rendez-vous est passé")
    await page.get_by_role("link", name="Dire s’il a eu lieu").click()
    await press(page, "Enregistrer la réponse")
    await expect(page.locator("#erreurs")).to_contain_text("Dites si ce rendez-vous a eu lieu")
    await page.get_by_label("Oui, il a eu lieu").check()
    await press(page, "Enregistrer la réponse")
    await expect(page.locator(".first")).to_contain_text("1 rendez-vous n’a pas encore de date")

    await page.get_by_role("link", name="Camille Exemple-01").click()
    await page.get_by_role("link", name="Déplacer à la demande de la personne").click()
    await page.get_by_label("Une autre date").check()
    await press(page, "Déplacer le rendez-vous")
    await expect(page.locator("#erreurs")).to_contain_text("Indiquez au moins une date")
    await page.locator("#day_1").fill(in_a_month().isoformat())
    await page.locator("#hour_1").fill("14:00")
    await press(page, "Déplacer le rendez-vous")
    await expect(page.locator(".lead")).to_have_text(f"{day_in_words(in_a_month())} à 14\u202fh")

    await page.goto(f"/agenda/{proposed}")
    await page.get_by_role("link", name="Noter la date choisie").click()
    await page.locator("#choice").check()
    await press(page, "Noter cette date")
    await expect(page.locator(".state")).to_contain_text("Fixé")
    await page.get_by_role("link", name="Annuler ce rendez-vous").click()
    await press(page, "Annuler le rendez-vous")
    await expect(page.locator(".state")).to_contain_text("Annulé")
    kept = portal.state()["appointments"]
    assert [kept[one]["status"] for one in (past, moved, proposed)] == ["held", "booked", "cancelled_by_service"]


async def test_appointment_that_moved_meanwhile_is_shown_as_it_is(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill({"status": "accepted"})
    (one,) = portal.appoint({"day": 2, "link": "lien"})
    page = await open_page(portal.url)
    await sign_in(page, "Conseiller")
    await page.goto(f"/agenda/{one}/report")
    await page.get_by_label("Pas encore de date").check()
    person = await open_page(portal.url)
    await person.goto("/rendez-vous/lien/annulation")
    await press(person, "Oui, annuler ce rendez-vous")
    await press(page, "Déplacer le rendez-vous")
    await expect(page.locator(".notice.wait")).to_contain_text("Ce rendez-vous a changé entre-temps")
    await expect(page.locator(".state")).to_contain_text("Annulé")
