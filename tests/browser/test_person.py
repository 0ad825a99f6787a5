"""The person's pages, by link: no account, every choice confirmed, and the address told to nobody."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Request, expect

from .conftest import OpenPage, RunningPortal

TOKEN = "lien-d-une-personne_0123456789" * 2
HERE = f"/rendez-vous/{TOKEN}"


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize("scripts", [True, False])
async def test_person_chooses_another_date_then_none_then_cancels(
    portal: RunningPortal, open_page: OpenPage, scripts: bool
) -> None:
    (referral_id,) = portal.fill({"status": "accepted"})
    portal.appoint({"day": 2, "link": TOKEN, "referral_id": referral_id})
    page = await open_page(portal.url, scripts=scripts, width=320)
    asked: list[Request] = []

    def remember(request: Request) -> None:
        asked.append(request)

    page.on("request", remember)
    await page.goto(HERE)
    await expect(page.locator("main")).to_contain_text("Bonjour Camille")
    await expect(page.locator(".shared li")).to_have_count(3)
    await press(page, "Continuer")
    await expect(page.locator("#erreurs")).to_contain_text("Choisissez une date")
    chosen = await page.locator("label[for=date-2]").inner_text()
    await page.get_by_label(chosen).check()
    await press(page, "Continuer")
    await expect(page.locator(".bigdate")).to_have_text(chosen)
    await page.go_back()
    await page.go_forward()
    await press(page, "Oui, choisir cette date")
    await expect(page.locator(".notice.done")).to_contain_text("C’est noté")
    await expect(page.locator(".bigdate")).to_have_text(chosen)
    await page.reload()
    await page.get_by_label("Aucune de ces dates").check()
    await press(page, "Continuer")
    await press(page, "Oui, demander d’autres dates")
    await expect(page.locator(".notice.done")).to_contain_text("va vous proposer d’autres dates")
    await page.get_by_role("link", name="Annuler ce rendez-vous").click()
    await page.get_by_role("button", name="Oui, annuler ce rendez-vous").dblclick()
    await expect(page.locator("main")).to_contain_text("Ce rendez-vous est annulé")

    assert [one.url for one in asked if not one.url.startswith(portal.url)] == []
    assert [one.url for one in asked if one.headers.get("referer")] == []
    assert TOKEN not in await page.title()
    assert await page.context.cookies() == []
    calls = portal.state()["person_calls"]
    assert calls
    assert [call for call in calls if call["signed_in"] or TOKEN in call["path"]] == []
    # Two postponements leave dates on the association's timeline, and no word about who asked or why.
    history = portal.control(f"history/{referral_id}")
    assert [step["status"] for step in history[1:]] == [
        "appointment_postponed", "appointment_booked", "appointment_postponed", "appointment_cancelled",
    ]  # fmt: skip


async def test_link_that_does_not_hold_says_whom_to_call_in_both_languages(
    portal: RunningPortal, open_page: OpenPage
) -> None:
    portal.fill()
    portal.control(f"expire/{TOKEN}")
    page = await open_page(portal.url)
    for address, said, english in (
        (HERE, "Ce lien n’est plus valable", "This link is no longer valid"),
        ("/rendez-vous/autre", "Ce lien ne marche pas", "This link does not work"),
    ):
        await page.context.clear_cookies()
        await page.goto(address)
        await expect(page.locator("h1")).to_have_text(said)
        await expect(page.locator("main a[href^='tel:']")).to_be_visible()
        await page.get_by_role("link", name="English").click()
        await expect(page.locator("h1")).to_have_text(english)
        assert page.url == portal.url + address


async def test_page_tries_again_when_the_service_came_back(portal: RunningPortal, open_page: OpenPage) -> None:
    portal.fill()
    portal.appoint({"day": 2, "link": TOKEN})
    page = await open_page(portal.url)
    await page.goto(f"{HERE}/annulation")
    portal.control("set", {"down": ["registration"]})
    await press(page, "Oui, annuler ce rendez-vous")
    await expect(page.locator("h1")).to_have_text("Un service ne répond pas")
    portal.control("set", {})
    await press(page, "Envoyer de nouveau")
    await expect(page.locator("main")).to_contain_text("Ce rendez-vous est annulé")
