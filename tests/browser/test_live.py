"""The timeline follows by itself: at once, for every open page, with one poll behind them."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from .conftest import OpenPage, RunningPortal, SignIn


async def test_every_open_page_follows_without_reload_on_one_poll(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({})
    pages = [await open_page(portal.url) for _ in range(3)]
    for page in pages:
        await sign_in(page, "Bénévole")
        await page.goto(f"/orientations/{referral_id}")
        await expect(page.locator(".timeline > li")).to_have_count(1)
    await until_polled(portal, "entraide")
    assert portal.state()["polls"]["entraide"] == 1
    portal.control(f"move/{referral_id}/received")
    for page in pages:
        await expect(page.locator(".timeline > li")).to_have_count(2, timeout=3000)
        await expect(page.locator(".state")).to_contain_text("Reçue")
        await expect(page.locator("#annonce")).to_have_text("L’orientation a changé\u00a0: Reçue.")
    live = await pages[0].locator("[data-flux]").inner_text()
    await pages[0].reload()
    assert await pages[0].locator("[data-flux]").inner_text() == live


async def test_focus_stays_when_the_page_changes_under_it(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({"status": "overdue"})
    page = await open_page(portal.url)
    await sign_in(page, "Travailleuse")
    await page.goto(f"/orientations/{referral_id}")
    await until_polled(portal, "cd93")
    await page.locator("#acte-examen").focus()
    portal.control(f"move/{referral_id}/received")
    await expect(page.locator(".state")).to_contain_text("Reçue", timeout=3000)
    await expect(page.locator("#acte-examen")).to_be_focused()


async def test_change_between_drawing_and_following_is_shown(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({})
    page = await open_page(portal.url)
    await sign_in(page, "Bénévole")
    held = asyncio.Event()

    async def hold(route: object) -> None:
        await held.wait()
        await route.continue_()  # type: ignore[attr-defined]  # playwright's Route

    await page.route("**/flux?*", hold)
    await page.goto(f"/orientations/{referral_id}")
    portal.control(f"move/{referral_id}/received")
    held.set()
    await expect(page.locator(".state")).to_contain_text("Reçue", timeout=5000)


async def test_identified_step_arrives_although_the_referral_learns_it_after_the_feed(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({})
    page = await open_page(portal.url)
    await sign_in(page, "Bénévole")
    await page.goto(f"/orientations/{referral_id}")
    await until_polled(portal, "entraide")
    step = {"status": "identified", "by": "registration"}
    portal.control(f"elsewhere/{referral_id}/0.4", {"type": "registration.person.identified", "step": step})
    await expect(page.locator(".timeline")).to_contain_text("est identifiée dans le registre", timeout=5000)


async def test_association_sees_the_whole_story_arrive_with_its_dates(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({"status": "accepted"})
    page = await open_page(portal.url)
    await sign_in(page, "Bénévole")
    await page.goto(f"/orientations/{referral_id}")
    await until_polled(portal, "entraide")
    (one,) = portal.accompany({"referral_id": referral_id, "accepted": ["cd93"]})
    service = await open_page(portal.url, scripts=False)
    await sign_in(service, "Conseiller")
    await service.goto(f"/accompagnements/{one}/acceptation")
    await service.locator("main form button").click()
    timeline = page.locator(".timeline")
    await expect(timeline).to_contain_text("L’accompagnement global commence", timeout=5000)
    await expect(page.locator("#etat")).to_contain_text("accompagnent cette personne ensemble")
    # Registration tells the feed; the referrals service reads it a little later, or once it is up again.
    booked = {"status": "appointment_booked", "by": "registration", "starts_at": "2026-12-08T13:00:00Z"}
    portal.control(f"elsewhere/{referral_id}/0.4", {"type": "registration.appointment.booked", "step": booked})
    await expect(timeline).to_contain_text("Rendez-vous\u00a0: mardi 8 décembre 2026 à 14\u202fh.", timeout=5000)
    seat = {"status": "enrolment_waitlisted", "by": "training"}
    portal.control(f"elsewhere/{referral_id}/2", {"type": "training.enrolment.waitlisted", "step": seat})
    await expect(timeline).to_contain_text("sur la liste d’attente", timeout=6000)


async def test_accompaniment_follows_what_the_other_side_and_the_person_do(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill({"status": "accepted"})
    (one,) = portal.accompany({"status": "active", "accepted": ["cd93", "ft93"]})
    portal.appoint({"day": 2, "link": "lien"})
    page = await open_page(portal.url)
    await sign_in(page, "Conseiller")
    await page.goto(f"/accompagnements/{one}")
    await until_polled(portal, "ft93")
    await page.locator("#changer-plan").focus()
    portal.control(f"replan/{one}", {"goals": [{"text": "Travailler"}], "actions": []})
    await expect(page.locator("#plan")).to_contain_text("Travailler", timeout=5000)
    await expect(page.locator("#changer-plan")).to_be_focused()
    person = await open_page(portal.url, scripts=False)
    await person.goto("/rendez-vous/lien/annulation")
    await person.locator("main form button").click()
    await expect(page.locator("#rencontres")).to_contain_text("Annulé", timeout=5000)
    live = await page.locator("[data-flux]").inner_text()
    await page.reload()
    assert await page.locator("[data-flux]").inner_text() == live


async def test_hidden_tab_frees_its_connection_and_catches_up_when_looked_at(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({})
    page = await open_page(portal.url)
    await page.add_init_script(HIDING)
    await sign_in(page, "Bénévole")
    await page.goto(f"/orientations/{referral_id}")
    await until_polled(portal, "entraide")
    await page.evaluate("look(false)")
    assert await page.evaluate("flows.map((one) => one.readyState)") == [2]
    portal.control(f"move/{referral_id}/received")
    await page.wait_for_timeout(500)
    await expect(page.locator(".state")).to_contain_text("Envoyée")
    await page.evaluate("look(true)")
    await expect(page.locator(".state")).to_contain_text("Reçue", timeout=5000)
    assert await page.evaluate("flows.map((one) => one.readyState)") == [2, 1]


async def test_stream_the_browser_gave_up_is_opened_again(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    (referral_id,) = portal.fill({})
    page = await open_page(portal.url)
    await sign_in(page, "Bénévole")
    refused = asyncio.Event()

    async def refuse(route: object) -> None:
        refused.set()
        await route.fulfill(status=503)  # type: ignore[attr-defined]  # playwright's Route

    await page.route("**/flux?*", refuse, times=1)
    await page.goto(f"/orientations/{referral_id}")
    await asyncio.wait_for(refused.wait(), 10)
    portal.control(f"move/{referral_id}/received")
    await expect(page.locator(".state")).to_contain_text("Reçue", timeout=15_000)


HIDING = """
window.flows = [];
window.EventSource = class extends EventSource { constructor(url) { super(url); flows.push(this); } };
let shown = true;
Object.defineProperty(document, "hidden", { get: () => !shown });
Object.defineProperty(document, "visibilityState", { get: () => (shown ? "visible" : "hidden") });
window.look = (now) => { shown = now; document.dispatchEvent(new Event("visibilitychange")); };
"""
"""Headless tabs are always visible: this lets a test hide one, and see its streams."""


async def until_polled(portal: RunningPortal, organisation: str) -> None:
    """Wait until the portal waits for that organisation's changes."""
    async with asyncio.timeout(10):
        while not portal.state()["polls"].get(organisation):
            await asyncio.sleep(0.05)
