"""Every page of the story after the acceptance, brought to the browser in turn: empty, full, long, with errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Page

from .conftest import RunningPortal, SignIn
from .fake_state import COUNCIL, SERVICE

LONG_NAME = {
    "first_name": "Marie-Christine-Anne-Élisabeth",
    "last_name": "de l’Exemple-Particulièrement-Long-de-La-Tour-d’Auvergne-Lauraguais",
    "birth_date": "1961-01-01", "phone": None, "email": "une.adresse.particulierement.longue@exemple.exemple.test",
    "address": None,
}  # fmt: skip
TOKEN = "Une_adresse-de-personne" * 3
BOTH = [COUNCIL["code"], SERVICE["code"]]
LINK = "https://visio.exemple.test/une-salle-particulierement-longue-0123456789"
STEPS = (
    "submitted", "accepted", "accompaniment_proposed", "accompaniment_accepted", "accompaniment_active",
    "appointment_proposed", "appointment_booked", "appointment_postponed", "appointment_booked", "enrolment_requested",
    "enrolment_waitlisted", "enrolment_seat_offered", "enrolment_confirmed", "appointment_held", "accompaniment_ended",
)  # fmt: skip


def story_history() -> list[dict[str, Any]]:
    """Return fifteen steps of a whole story."""
    start = datetime(2026, 10, 1, 8, 3, tzinfo=UTC)
    return [
        {
            "at": (start + timedelta(days=2 * n)).isoformat(), "status": status, "by": "receiver",
            "organisation_name": COUNCIL["name"] if not status.startswith("enrolment") else None,
            "starts_at": "2026-11-24T13:00:00Z" if status.endswith(("booked", "confirmed")) else None,
        }
        for n, status in enumerate(STEPS)
    ]  # fmt: skip


def fill(portal: RunningPortal) -> tuple[list[str], list[str], list[str]]:
    """Put accepted referrals, accompaniments of each status and appointments of each kind; return their ids."""
    referrals = portal.fill(
        {"status": "accepted", "person": LONG_NAME, "history": story_history()},
        *({"status": "accepted"} for _ in range(8)),
    )
    note = {"text": "Appeler le matin.\nA un garçon de trois ans.", "changed_at": "2026-11-22T10:00:00Z"}
    accompaniments = portal.accompany(
        {"status": "active", "accepted": BOTH, "rows": [3, 6], "person": LONG_NAME, "notes": {"ft93": note}},
        {},
        {"status": "review_due", "accepted": BOTH, "rows": [1, 1]},
        {"status": "ended", "accepted": BOTH, "rows": [1, 1]},
        *({"status": status} for status in ("refused", "active", "accepted_by_one")),
    )
    appointments = portal.appoint(
        {"day": -2},
        {"status": "proposed"},
        {"day": 1, "person_name": f"{LONG_NAME['first_name']} {LONG_NAME['last_name']}"},
        {"day": 5, "modality": "video", "place": LINK},
        {"status": "postponed", "days": []},
        {"day": 6, "status": "cancelled_by_person"},
    )
    return referrals, accompaniments, appointments


async def story_pages(page: Page, portal: RunningPortal, sign_in: SignIn) -> AsyncIterator[str]:
    """Bring the browser to each page in turn, and give its name."""
    portal.fill()
    await sign_in(page, "Conseiller")
    yield "no accompaniment"
    await page.goto("/agenda")
    yield "empty agenda"
    referrals, accompaniments, appointments = fill(portal)
    await page.goto("/accompagnements")
    yield "accompaniments"
    for n in (0, 1, 2, 3):
        await page.goto(f"/accompagnements/{accompaniments[n]}")
        yield f"accompaniment {n}"
    async for name in form_pages(page, portal, accompaniments):
        yield name
    async for name in agenda_pages(page, appointments):
        yield name
    async for name in council_pages(page, portal, sign_in, referrals):
        yield name
    async for name in person_pages(page, portal):
        yield name


async def form_pages(page: Page, portal: RunningPortal, accompaniments: list[str]) -> AsyncIterator[str]:
    """Go through the forms of an accompaniment, with errors where they can be made."""
    active, proposed = (f"/accompagnements/{one}" for one in accompaniments[:2])
    await page.goto(f"{proposed}/refus")
    yield "refusal"
    await page.goto(f"{active}/fin")
    await page.locator("main form button").click()
    yield "end with an error"
    await page.goto(f"{active}/note")
    yield "private note"
    await page.goto(f"{active}/rendez-vous")
    await page.locator("#day_2").fill("2020-01-01")
    await page.locator("#place").fill("")
    await page.locator("main form button").click()
    yield "dates with errors"
    await page.goto(f"{active}/plan")
    await page.locator("button[value=ajouter-demarche]").click()
    await page.locator("button[value=enregistrer]").click()
    yield "plan with errors"
    await page.locator("#action button[value^=retirer]").click()
    await page.locator("button[value=ajouter-formation]").click()
    portal.control(f"replan/{accompaniments[0]}", {"goals": [{"goal_id": "goal-0", "text": "Autre"}], "actions": []})
    await page.reload()
    yield "plan that changed meanwhile"


async def agenda_pages(page: Page, appointments: list[str]) -> AsyncIterator[str]:
    """Go through the agenda and the acts on appointments."""
    await page.goto("/agenda")
    yield "agenda"
    await page.goto(f"/agenda/{appointments[1]}")
    yield "appointment"
    for n, slug in ((0, "suite"), (1, "date"), (2, "report"), (4, "dates")):
        await page.goto(f"/agenda/{appointments[n]}/{slug}")
        if slug != "date":
            await page.locator("main form button").click()
        yield f"appointment act {slug}"


async def council_pages(page: Page, portal: RunningPortal, sign_in: SignIn, referrals: list[str]) -> AsyncIterator[str]:
    """Go through what only a council and an association see."""
    await page.context.clear_cookies(name="maillage_session")
    await sign_in(page, "Travailleuse")
    await page.goto(f"/orientations/{referrals[8]}")
    yield "referral with a next act"
    await page.goto(f"/orientations/{referrals[7]}/accompagnement")
    yield "proposal"
    await page.goto(f"/orientations/{referrals[8]}/accompagnement")
    yield "proposal to nobody"
    await page.goto(f"/orientations/{referrals[0]}")
    yield "referral with its story"


async def person_pages(page: Page, portal: RunningPortal) -> AsyncIterator[str]:
    """Go through the pages that a person opens by link."""
    portal.appoint({"day": 4, "link": TOKEN, "modality": "video", "place": LINK})
    here = f"/rendez-vous/{TOKEN}"
    await page.goto(here)
    yield "own appointment"
    await page.locator("main form button").click()
    yield "own appointment with an error"
    await page.locator("input[value=aucune]").check()
    await page.locator("main form button").click()
    yield "own choice"
    await page.goto(f"{here}/annulation")
    await page.locator("main form button").click()
    yield "own appointment cancelled"
    portal.control(f"expire/{TOKEN}")
    await page.goto(here)
    yield "link that expired"
