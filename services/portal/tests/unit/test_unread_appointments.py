"""Appointments that come without a name: a council outside its territory can still end its part."""

from __future__ import annotations

import re

import pytest

from .conftest import ADVISER, CASEWORKER, Portal
from .story_documents import APPOINTMENT_ID, appointment_document

SLOT = f"/agenda/{APPOINTMENT_ID}"
READ = ("GET", f"/appointments/{APPOINTMENT_ID}")
KEY = "00000000-0000-4000-8000-000000000001"
AGREED = "2096-11-24T13:00:00Z"
UNNAMED = {"person_name": None, "place": None}


def links_of(text: str) -> list[str]:
    return re.findall(r'href="(/agenda/[^"]+)"', text)


@pytest.fixture
def outside(portal: Portal) -> Portal:
    """A portal whose registration lists an appointment without name, and lets nobody read it."""
    portal.services.answers |= {
        ("GET", "/appointments"): (200, {"items": [appointment_document(**UNNAMED, allowed=["cancellation"])]}),
        READ: (404, {"code": "not_found"}),
    }
    return portal


async def test_council_sees_in_its_agenda_why_a_name_is_missing_and_what_it_can_still_do(outside: Portal) -> None:
    await outside.sign_in(CASEWORKER)
    page = await outside.browser.get("/agenda?du=2096-11-20")
    assert "Nom non affiché" in page.text
    assert "ne vit pas, ou plus, dans votre territoire" in page.text
    assert links_of(page.text) == [f"{SLOT}/annulation?vu={AGREED}"]
    refused = await outside.browser.get(SLOT)
    assert refused.status_code == 404
    assert "ne vit pas, ou plus, dans votre territoire" in refused.text


async def test_council_cancels_unread_only_the_date_that_its_agenda_showed(outside: Portal) -> None:
    csrf = await outside.sign_in(CASEWORKER)
    command = ("POST", f"/appointments/{APPOINTMENT_ID}/cancellation")
    outside.services.answers[command] = (200, {"appointment_id": str(APPOINTMENT_ID)})

    page = await outside.browser.get(f"{SLOT}/annulation?vu={AGREED}")
    assert (page.status_code, f'name="vu" value="{AGREED}"' in page.text) == (200, True)
    assert "Nom non affiché, samedi 24 novembre 2096" in page.text
    fields: dict[str, str | list[str]] = {"jeton": csrf, "cle": KEY, "vu": AGREED}
    sent = await outside.post(f"{SLOT}/annulation", fields)

    assert sent.headers["location"] == "/agenda?fait=annulation"
    assert outside.services.bodies(*command) == [{"instead_of": AGREED}]
    assert "Le rendez-vous est annulé." in (await outside.browser.get("/agenda?fait=annulation")).text
    outside.services.answers[command] = (409, {"code": "date_changed"})
    assert (await outside.post(f"{SLOT}/annulation", fields)).headers["location"] == "/agenda?change=oui"
    assert "a changé entre-temps" in (await outside.browser.get("/agenda?change=oui")).text


async def test_council_says_unread_whether_it_took_place(outside: Portal) -> None:
    csrf = await outside.sign_in(CASEWORKER)
    command = ("POST", f"/appointments/{APPOINTMENT_ID}/absence")
    outside.services.answers[command] = (200, {"appointment_id": str(APPOINTMENT_ID)})
    past = appointment_document(**UNNAMED, starts_at="2020-01-01T09:00:00Z", allowed=["holding", "absence"])
    outside.services.answers[("GET", "/appointments")] = (200, {"items": [past]})
    assert links_of((await outside.browser.get("/agenda")).text) == [f"{SLOT}/suite?vu=2020-01-01T09:00:00Z"]
    sent = await outside.post(f"{SLOT}/suite", {"jeton": csrf, "cle": KEY, "vu": AGREED, "outcome": "absence"})
    assert (sent.headers["location"], len(outside.services.bodies(*command))) == ("/agenda?fait=suite", 1)


@pytest.mark.parametrize("slug", ["date", "report", "dates"])
async def test_council_goes_no_further_unread(outside: Portal, slug: str) -> None:
    csrf = await outside.sign_in(CASEWORKER)
    assert (await outside.browser.get(f"{SLOT}/{slug}?vu={AGREED}")).status_code == 404
    assert (await outside.post(f"{SLOT}/{slug}", {"jeton": csrf, "cle": KEY, "vu": AGREED})).status_code == 404


async def test_what_the_service_hides_from_another_kind_is_closed_by_nobody(outside: Portal) -> None:
    await outside.sign_in(ADVISER)
    assert (await outside.browser.get(f"{SLOT}/annulation?vu={AGREED}")).status_code == 404


@pytest.mark.parametrize("vu", ["", "hier", "2096-11-24T13:00:00"])
async def test_address_without_a_date_shows_none(outside: Portal, vu: str) -> None:
    await outside.sign_in(CASEWORKER)
    page = await outside.browser.get(f"{SLOT}/annulation", params={"vu": vu})
    assert (page.status_code, 'name="vu" value=""' in page.text) == (200, True)


async def test_employment_service_is_told_why_a_name_is_missing(outside: Portal) -> None:
    await outside.sign_in(ADVISER)
    document = appointment_document(**UNNAMED, status="held", allowed=[])
    outside.services.answers |= {("GET", "/appointments"): (200, {"items": [document]}), READ: (200, document)}
    for path in ("/agenda?du=2096-11-20", SLOT):
        page = await outside.browser.get(path)
        assert "l’accompagnement est terminé et que le rendez-vous est passé" in page.text
    assert links_of((await outside.browser.get("/agenda?du=2096-11-20")).text) == [SLOT]
