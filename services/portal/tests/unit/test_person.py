"""The person's pages: no account, nothing happens without asking, and the token is nowhere but in its address."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

import httpx
import pytest
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import logs, telemetry

from .conftest import CASEWORKER, Portal
from .story_documents import own_document

TOKEN = "A-canary_0123456789" * 4
HERE = f"/rendez-vous/{TOKEN}"
APPOINTMENT = ("GET", "/person/appointment")
SHARING = {"items": [{"at": "2026-11-20T09:00:00Z", "what": "referral", "from_name": "Entraide", "to_name": "Conseil"}]}
AGREED = "2096-11-24T13:00:00Z"
CHANGES = ("postponement", "cancellation", "booking")


@pytest.fixture
def person(portal: Portal) -> Portal:
    portal.services.answers[APPOINTMENT] = (200, own_document())
    portal.services.answers[("GET", "/person/sharing")] = (200, SHARING)
    for act in CHANGES:
        portal.services.answers[("POST", f"/person/appointment/{act}")] = (200, own_document())
    return portal


def asked_to_change(portal: Portal) -> list[httpx.Request]:
    return [request for request in portal.services.asked if request.method == "POST"]


def keys_of(page: httpx.Response) -> list[str]:
    return re.findall(r'name="date" value="([^"]+)"', page.text)


async def test_page_needs_no_account_sets_no_cookie_and_tells_no_site_its_address(person: Portal) -> None:
    await person.sign_in(CASEWORKER)
    page = await person.browser.get(HERE)
    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "set-cookie" not in page.headers
    assert "Vous pouvez changer ce rendez-vous. Cela n’a aucune conséquence." in page.text
    assert "1 rue de l’Exemple" in page.text
    assert "01 99 00 12 34" in page.text
    assert CASEWORKER.organisation_name not in page.text.split("<main")[0]
    assert TOKEN not in re.search(r"<title>(.*)</title>", page.text)[1]  # type: ignore[index]  # every page has one
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
    assert [one for one in addresses if TOKEN in one and not one.startswith(f"{HERE}/")] == []
    for request in person.services.asked:
        assert request.headers["maillage-link"] == TOKEN
        assert "authorization" not in request.headers
        assert TOKEN not in str(request.url)


async def test_nothing_changes_before_the_confirmation(person: Portal) -> None:
    page = await person.browser.get(HERE)
    other, none = keys_of(page)
    assert none == "aucune"
    confirm = await person.browser.get(f"{HERE}/choix", params={"date": other})
    assert "mardi 25 novembre 2096" not in page.text.split("<main")[0]
    assert "Vous choisissez cette date" in confirm.text
    await person.browser.get(f"{HERE}/annulation")
    assert asked_to_change(person) == []
    done = await person.post(f"{HERE}/choix", {"date": other, "vu": AGREED}, origin=False)
    assert done.headers["location"] == f"{HERE}?fait=date"
    assert done.headers["referrer-policy"] == "no-referrer"
    assert person.services.bodies("POST", "/person/appointment/postponement") == [
        {"instead_of": AGREED, "starts_at": "2096-11-25T09:00:00Z"}
    ]


async def test_no_date_suits_and_no_reason_is_sent(person: Portal) -> None:
    confirm = await person.browser.get(f"{HERE}/choix?date=aucune")
    assert "vous en proposera d’autres" in confirm.text
    await person.post(f"{HERE}/choix", {"date": "aucune", "vu": AGREED, "raison": "x"}, origin=False)
    assert person.services.bodies("POST", "/person/appointment/postponement") == [{"instead_of": AGREED}]


async def test_date_is_booked_when_it_is_the_first_one(person: Portal) -> None:
    person.services.answers[APPOINTMENT] = (200, own_document(status="proposed", starts_at=None, can=["booking"]))
    page = await person.browser.get(HERE)
    keys = keys_of(page)
    assert len(keys) == 2
    await person.post(f"{HERE}/choix", {"date": keys[0]}, origin=False)
    assert person.services.bodies("POST", "/person/appointment/booking") == [{"starts_at": "2096-11-24T13:00:00Z"}]


async def test_second_click_says_that_it_is_done(person: Portal) -> None:
    other = keys_of(await person.browser.get(HERE))[0]
    person.services.answers[APPOINTMENT] = (200, own_document(starts_at="2096-11-25T09:00:00Z"))
    answer = await person.post(f"{HERE}/choix", {"date": other}, origin=False)
    assert answer.headers["location"] == f"{HERE}?fait=date"
    assert asked_to_change(person) == []


@pytest.mark.parametrize("status", [409, 422])
async def test_appointment_that_changed_meanwhile_is_shown_as_it_is(person: Portal, status: int) -> None:
    for act in ("postponement", "cancellation"):
        person.services.answers[("POST", f"/person/appointment/{act}")] = (status, {"code": "illegal_transition"})
    other = keys_of(await person.browser.get(HERE))[0]
    for path, fields in (("choix", {"date": other, "vu": AGREED}), ("annulation", {"vu": AGREED})):
        answer = await person.post(f"{HERE}/{path}", fields, origin=False)
        assert answer.headers["location"] == f"{HERE}?change=oui"


@pytest.mark.parametrize("choice", ["aucune", "unknown", ""])
async def test_nothing_is_sent_when_there_is_nothing_to_choose(person: Portal, choice: str) -> None:
    person.services.answers[APPOINTMENT] = (200, own_document(status="held", can=[]))
    answer = await person.post(f"{HERE}/choix", {"date": choice}, origin=False)
    assert answer.headers["location"] == f"{HERE}?change=oui"
    assert asked_to_change(person) == []
    assert (await person.browser.get(f"{HERE}/choix?date={choice}")).headers["location"] == f"{HERE}?change=oui"


async def test_page_that_shows_an_older_date_takes_no_newer_one_away(person: Portal) -> None:
    for page in (await person.browser.get(f"{HERE}/choix?date=aucune"), await person.browser.get(f"{HERE}/annulation")):
        assert f'name="vu" value="{AGREED}"' in page.text
    person.services.answers[APPOINTMENT] = (200, own_document(starts_at="2096-11-25T09:00:00Z"))
    for path in ("choix", "annulation"):
        answer = await person.post(f"{HERE}/{path}", {"date": "aucune", "vu": AGREED}, origin=False)
        assert answer.headers["location"] == f"{HERE}?change=oui"
    assert asked_to_change(person) == []


async def test_choosing_nothing_says_what_to_do(person: Portal) -> None:
    page = await person.browser.get(f"{HERE}/choix")
    assert page.status_code == 422
    assert "Choisissez une date dans la liste" in page.text


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (404, 404, "Ce lien ne marche pas"),
        (410, 410, "Ce lien n’est plus valable"),
        (401, 404, "Ce lien ne marche pas"),
    ],
)
async def test_link_that_does_not_hold_says_whom_to_call(person: Portal, answer: int, status: int, said: str) -> None:
    person.services.answers[APPOINTMENT] = (answer, {"code": "link"})
    page = await person.browser.get(HERE)
    assert page.status_code == status
    assert said in page.text
    assert "tel:0199001234" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "Camille" not in page.text


@pytest.mark.parametrize("path", ["/rendez-vous/not%20a%20token", f"{HERE}/nulle/part", "/rendez-vous/é"])
async def test_what_is_no_link_of_ours_is_sent_nowhere(person: Portal, path: str) -> None:
    page = await person.browser.get(path)
    assert page.status_code == 404
    assert "Ce lien ne marche pas" in page.text
    assert "retour=" not in page.text
    assert person.services.asked == []


async def test_appointment_is_shown_when_what_was_shared_cannot_be_read(person: Portal) -> None:
    person.services.answers[("GET", "/person/sharing")] = (503, {})
    page = await person.browser.get(HERE)
    assert page.status_code == 200
    assert "ne peut pas être lue pour le moment" in page.text


async def test_choice_is_kept_in_the_page_when_the_service_is_silent(person: Portal) -> None:
    other = keys_of(await person.browser.get(HERE))[0]
    person.services.answers[("POST", "/person/appointment/postponement")] = (503, {})
    page = await person.post(f"{HERE}/choix", {"date": other, "vu": AGREED}, origin=False)
    assert page.status_code == 503
    assert page.headers["referrer-policy"] == "no-referrer"
    assert f'name="date" value="{other}"' in page.text


async def test_language_is_chosen_without_the_address_going_elsewhere(person: Portal) -> None:
    page = await person.browser.get(HERE)
    assert f'href="{HERE}/langue?choix=en"' in page.text
    answer = await person.browser.get(f"{HERE}/langue?choix=en")
    assert answer.headers["location"] == HERE
    assert "You can change this appointment. It has no consequence." in (await person.browser.get(HERE)).text


@pytest.mark.parametrize("status", ["held", "missed", "cancelled_by_person", "cancelled_by_service", "newer"])
async def test_nothing_is_offered_or_blamed_when_it_is_over(person: Portal, status: str) -> None:
    person.services.answers[APPOINTMENT] = (200, own_document(status=status, can=[]))
    page = await person.browser.get(HERE)
    assert page.status_code == 200
    assert "<form" not in page.text
    assert not re.search(r"absen|manqu|sanction|motif", page.text, re.IGNORECASE)


async def test_data_are_erased_after_a_confirmation_and_a_second_click_changes_nothing(person: Portal) -> None:
    assert f'href="{HERE}/effacement"' in (await person.browser.get(HERE)).text
    confirm = await person.browser.get(f"{HERE}/effacement")
    assert "On ne peut pas revenir en arrière" in confirm.text
    assert not re.search(r"sanction|radi|perd", confirm.text.split("<main")[1], re.IGNORECASE)
    assert asked_to_change(person) == []
    person.services.answers[("POST", "/person/erasure")] = (200, {"state": "erased"})
    for _ in range(2):
        done = await person.post(f"{HERE}/effacement", {}, origin=False)
        assert done.headers["location"] == HERE
        person.services.answers[APPOINTMENT] = (410, {"code": "erased"})
    page = await person.browser.get(HERE)
    assert page.status_code == 410
    assert "Vos données sont effacées" in page.text
    assert "Camille" not in page.text
    for request in asked_to_change(person):
        assert (request.url.path, request.headers["maillage-link"]) == ("/person/erasure", TOKEN)


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Give the process's logging back as it was: what a service sets up is for a process of its own."""
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    handlers, level, hook = root.handlers, root.level, sys.excepthook
    known = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    before = [(each, each.handlers, each.propagate) for each in known]
    yield
    root.handlers = handlers
    root.setLevel(level)
    for each, own, propagate in before:
        each.handlers, each.propagate = own, propagate
    sys.excepthook = hook
    logging.setLogRecordFactory(factory)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_as_before")
async def test_token_is_in_no_log_and_no_span(person: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    exporter, lines = InMemorySpanExporter(), io.StringIO()
    tracing = telemetry.configure(person.app.state.runtime.settings, "portal", "0", exporter=exporter)
    logs.configure("portal", "DEBUG")
    try:
        with redirect_stdout(lines):
            other = keys_of(await person.browser.get(HERE))[0]
            for rest in (f"choix?date={other}", "annulation", "effacement", "nulle/part"):
                await person.browser.get(f"{HERE}/{rest}")
            await person.post(f"{HERE}/choix", {"date": other}, origin=False)
            person.services.answers[APPOINTMENT] = (500, {})
            await person.browser.get(HERE)
    finally:
        await tracing.close()
    spans = exporter.get_finished_spans()
    names = {span.name for span in spans}
    assert {"GET /rendez-vous/{token}", "GET /person/appointment", "GET"} <= names
    said = lines.getvalue() + json.dumps([[span.name, str(dict(span.attributes or {}))] for span in spans])
    assert TOKEN not in said + capsys.readouterr().out
