"""Every page, in both languages and schemes, at the widths of a telephone, a tablet and a desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from .conftest import OpenPage, RunningPortal, SignIn, submit
from .partner_pages import dense_pages, partner_pages
from .story_pages import LONG_NAME, story_pages

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "RGAAv4", "best-practice"]
OUTLINED = "document.activeElement.matches('.choice input') ? document.activeElement.labels[0] : document.activeElement"

STATUSES = ("submitted", "received", "under_review", "overdue", "accepted", "declined", "withdrawn", "expired")


def long_history() -> list[dict[str, Any]]:
    """Return fifteen steps."""
    start = datetime(2026, 10, 1, 8, 3, tzinfo=UTC)
    return [
        {
            "at": (start + timedelta(days=3 * n)).isoformat(), "status": STATUSES[n % 6], "by": "receiver",
            "organisation_name": None if n % 6 == 3 else "Conseil départemental de l’Exemple",
            "reasons": ["session_full", "other", "newer_code"] if n % 6 == 5 else None, "declined_by": "provider",
        }
        for n in range(15)
    ]  # fmt: skip


def fill(portal: RunningPortal) -> list[str]:
    """Put one referral of each status, then enough for a second page; the first has a long name and history."""
    first = {"person": LONG_NAME, "history": long_history()}
    return portal.fill(
        first, *({"status": status} for status in STATUSES), *({"status": "accepted"} for _ in range(15))
    )


async def pages(page: Page, portal: RunningPortal, sign_in: SignIn) -> AsyncIterator[str]:
    """Bring the browser to each page in turn, and give its name."""
    portal.fill()
    an_event = "/evenements/referrals.accompaniment.plan_changed.v1"
    for path in ("/", "/connexion", "/accessibilite", "/design", "/evenements", an_event, "/nulle-part"):
        await page.goto(path)
        yield path
    await sign_in(page, "Bénévole")
    yield "empty list"
    ids = fill(portal)
    for path in ("/orientations", "/orientations?etat=declined&tri=commune&ordre=asc", "/orientations?page=2"):
        await page.goto(path)
        yield path
    for n in (0, 5, 8):
        await page.goto(f"/orientations/{ids[n]}")
        yield f"referral {n} of an association"
    await page.goto(f"/orientations/{ids[0]}/demenagement")
    await page.locator("#commune").fill("Saint-Denis")
    await submit(page)
    yield "move with a choice"
    await page.locator("#commune").fill("Villeurbanne (69)")
    await submit(page)
    yield "move to check"
    async for name in form_pages(page, portal):
        yield name
    await page.context.clear_cookies(name="maillage_session")
    await sign_in(page, "Travailleuse")
    yield "list of a council"
    await page.goto(f"/orientations/{ids[0]}")
    yield "referral of a council"
    await page.goto(f"/orientations/{ids[0]}/refus")
    await submit(page)
    yield "decline with errors"
    await page.goto(f"/orientations/{ids[4]}/acceptation")
    yield "acceptance"


async def form_pages(page: Page, portal: RunningPortal) -> AsyncIterator[str]:
    """Go through the form, each step wrong first."""
    await page.goto("/orientations/nouvelle")
    await submit(page)
    yield "person with errors"
    values = {
        "first_name": "Camille",
        "last_name": "Exemple",
        "birth_day": "3",
        "birth_month": "5",
        "birth_year": "1988",
    }
    for name, value in values.items():
        await page.locator(f"#{name}").fill(value)
    await submit(page)
    yield "place"
    await page.locator("#commune").fill("Montreuil")
    await submit(page)
    yield "place with homonyms"
    await page.locator("input[value='93048']").check()
    await submit(page)
    await submit(page)
    yield "needs with an error"
    await page.locator("summary").nth(7).click()
    await page.locator("details[open] input").first.check()
    await submit(page)
    yield "note"
    await page.locator("#person_informed").check()
    await submit(page)
    yield "summary"
    portal.control("set", {"down": ["referrals"]})
    await submit(page)
    yield "summary when the service is silent"
    await page.goto("/orientations")
    yield "list when the service is silent"
    portal.control("set", {})
    await page.goto("/orientations")
    yield "list with a draft"


async def faults_of(page: Page) -> list[str]:
    """Return the rules that a page breaks, each with the first place."""
    found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found.response["violations"]]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("language", "dark"), [("fr", False), pytest.param("en", True, marks=pytest.mark.long)])
async def test_no_page_breaks_an_accessibility_rule(
    portal: RunningPortal,
    open_page: OpenPage,
    sign_in: SignIn,
    look: Callable[[Page, str], Awaitable[None]],
    language: Literal["fr", "en"],
    dark: bool,
) -> None:
    page = await open_page(portal.url, language=language, dark=dark)
    broken: dict[str, list[str]] = {}
    async for name in pages(page, portal, sign_in):
        await look(page, f"{language}-{'dark' if dark else 'light'}-{name.strip('/').replace('/', '_')[:40] or 'home'}")
        if faults := await faults_of(page):
            broken[name] = faults
    assert broken == {}


@pytest.mark.parametrize("width", [320, 768, 1280])
async def test_no_page_scrolls_sideways(
    portal: RunningPortal,
    open_page: OpenPage,
    sign_in: SignIn,
    look: Callable[[Page, str], Awaitable[None]],
    width: int,
) -> None:
    page = await open_page(portal.url, width=width)
    wide: dict[str, int] = {}
    async for name in pages(page, portal, sign_in):
        await look(page, f"{width}-{name.strip('/').replace('/', '_')[:40] or 'home'}")
        taken = int(await page.evaluate("document.documentElement.scrollWidth"))
        if taken > width:
            wide[name] = taken
    assert wide == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("width", "language", "dark"),
    [(1280, "fr", False), (320, "en", True), pytest.param(768, "fr", False, marks=pytest.mark.long)],
)
async def test_no_page_of_the_story_breaks_a_rule_or_scrolls_sideways(
    portal: RunningPortal,
    open_page: OpenPage,
    sign_in: SignIn,
    look: Callable[[Page, str], Awaitable[None]],
    width: int,
    language: Literal["fr", "en"],
    dark: bool,
) -> None:
    page = await open_page(portal.url, width=width, language=language, dark=dark)
    broken: dict[str, list[str]] = {}
    async for name in story_pages(page, portal, sign_in):
        await look(page, f"{width}-{language}-{name.replace(' ', '-')}")
        taken = int(await page.evaluate("document.documentElement.scrollWidth"))
        faults = [f"takes {taken} px"] if taken > width else []
        # The rules look at what is there, not at how wide: two widths, languages and schemes are enough.
        if found := [*faults, *(await faults_of(page) if width != 768 else ())]:
            broken[name] = found
    assert broken == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("width", "language", "dark", "walk"),
    [
        (320, "en", True, dense_pages),
        pytest.param(320, "en", True, partner_pages, marks=pytest.mark.long),
        pytest.param(1280, "fr", False, partner_pages, marks=pytest.mark.long),
    ],
)
async def test_no_page_of_partners_breaks_a_rule_or_scrolls_sideways(
    portal: RunningPortal,
    open_page: OpenPage,
    sign_in: SignIn,
    look: Callable[[Page, str], Awaitable[None]],
    width: int,
    language: Literal["fr", "en"],
    dark: bool,
    walk: Callable[[Page, RunningPortal, SignIn], AsyncIterator[str]],
) -> None:
    page = await open_page(portal.url, width=width, language=language, dark=dark)
    broken: dict[str, list[str]] = {}
    async for name in walk(page, portal, sign_in):
        await look(page, f"{width}-{language}-{name.replace(' ', '-')}")
        taken = int(await page.evaluate("document.documentElement.scrollWidth"))
        if found := [*([f"takes {taken} px"] if taken > width else []), *(await faults_of(page))]:
            broken[name] = found
    assert broken == {}


async def test_everything_can_be_reached_with_the_keyboard(portal: RunningPortal, open_page: OpenPage) -> None:
    page = await open_page(portal.url)
    await page.goto("/connexion")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == "#contenu"
    reached: list[str] = []
    while len(reached) < 30:
        await page.keyboard.press("Tab")
        tag = await page.evaluate("document.activeElement.tagName")
        if tag == "BODY":
            break
        reached.append(await page.evaluate("document.activeElement.outerHTML.slice(0, 60)"))
        assert await page.evaluate(f"getComputedStyle({OUTLINED}).outlineStyle") == "solid", reached[-1]
        assert await page.evaluate(f"getComputedStyle({OUTLINED}).outlineWidth") == "3px", reached[-1]
    for expected in ("<button", 'type="radio"', 'href="tel:', 'href="/langue'):
        assert any(expected in html for html in reached), expected
