"""The organisation's events as a file: asked for with the manager's access, handed on part by part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest

from portal.domain.errors import ServiceSilent
from portal.domain.period import Period

from .conftest import Portal
from .test_partners import MANAGER

EXPORT = ("GET", "/feed/export")
PERIOD = "du=2026-11-01&au=2026-11-24"
ASK = f"/fichiers/telechargement?{PERIOD}"


class File(httpx.AsyncByteStream):
    """A file that says how much of it was taken, and may break off."""

    def __init__(self, parts: int, broken: bool = False) -> None:
        self.parts, self.broken = parts, broken
        self.given = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in range(self.parts):
            self.given += 1
            yield b"%d,line\r\n" % number
        if self.broken:
            raise httpx.ReadError("gone")

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv; charset=utf-8"), ("jsonl", "application/jsonl")])
async def test_manager_downloads_what_the_service_writes_and_sees_no_token(
    portal: Portal, form: str, kind: str
) -> None:
    file = File(3)
    portal.services.answers[EXPORT] = (200, file)
    await portal.sign_in(MANAGER)
    answer = await portal.browser.get(f"{ASK}&format={form}")

    assert answer.content == b"0,line\r\n1,line\r\n2,line\r\n"
    assert file.closed
    assert answer.headers["content-type"] == kind
    named = f'attachment; filename="maillage-cd93-2026-11-01-2026-11-24.{form}"'
    assert answer.headers["content-disposition"] == named
    assert answer.headers["cache-control"] == "no-store"
    (asked,) = portal.services.asked_for(*EXPORT)
    assert dict(asked.url.params) == {"format": form, "from": "2026-11-01", "to": "2026-11-24"}
    assert asked.headers["authorization"] == f"Bearer token of {MANAGER.member_id}"
    assert "token of" not in str(answer.headers)


async def test_file_is_taken_part_by_part_and_left_when_the_browser_leaves(portal: Portal) -> None:
    file = File(100_000)
    portal.services.answers[EXPORT] = (200, file)
    files = portal.app.state.shell.partners.files
    parts = await files.open(MANAGER, Period(date(2026, 11, 1), date(2026, 11, 24)), "csv")

    assert file.given == 0
    assert await anext(parts) == b"0,line\r\n"
    assert file.given <= 2
    await parts.aclose()
    assert file.closed


async def test_file_that_breaks_off_never_ends_well(portal: Portal) -> None:
    file = File(1, broken=True)
    portal.services.answers[EXPORT] = (200, file)
    parts = await portal.app.state.shell.partners.files.open(MANAGER, Period(date.min, date.min), "csv")
    assert await anext(parts)
    with pytest.raises(ServiceSilent):
        await anext(parts)
    assert file.closed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("du=&au=&format=csv", ("Indiquez le premier jour", "Indiquez le dernier jour")),
        ("du=2026-02-30&au=2026-11-24&format=csv", ("Indiquez le premier jour",)),
        ("du=2026-11-24&au=2026-11-01&format=csv", ("qui suit le premier",)),
        ("du=2024-11-22&au=2026-11-24&format=csv", ("deux ans au plus",)),
        (f"{PERIOD}&format=xls", ("Choisissez la forme",)),
    ],
)
async def test_wrong_days_come_back_with_words_and_ask_nothing(
    portal: Portal, asked: str, said: tuple[str, ...]
) -> None:
    await portal.sign_in(MANAGER)
    answer = await portal.browser.get(f"/fichiers/telechargement?{asked}")
    assert answer.status_code == 422
    assert [words for words in said if words not in answer.text] == []
    assert portal.services.asked_for(*EXPORT) == []


async def test_two_whole_years_are_asked_for(portal: Portal) -> None:
    portal.services.answers[EXPORT] = (200, File(1))
    await portal.sign_in(MANAGER)
    answer = await portal.browser.get("/fichiers/telechargement?du=2024-11-23&au=2026-11-24&format=csv")
    assert answer.status_code == 200


@pytest.mark.parametrize(("status", "shown"), [(503, 503), (429, 503), (403, 403), (422, 422), (410, 422)])
async def test_refusals_of_the_service_are_pages(portal: Portal, status: int, shown: int) -> None:
    portal.services.answers[EXPORT] = (status, {"code": "some_problem"})
    await portal.sign_in(MANAGER)
    answer = await portal.browser.get(f"{ASK}&format=csv")
    assert answer.status_code == shown
    assert answer.headers["content-type"].startswith("text/html")
    assert "content-disposition" not in answer.headers
    # A token refused once is asked for anew; nothing else is tried again.
    assert len(portal.services.asked_for(*EXPORT)) == (2 if status == 403 else 1)


async def test_page_offers_the_last_week_and_both_forms(portal: Portal) -> None:
    await portal.sign_in(MANAGER)
    page = await portal.browser.get("/fichiers")
    today = portal.app.state.shell.clock.now().date().isoformat()
    assert f'name="au" type="date" value="{today}"' in page.text
    assert 'value="csv" id="format" checked' in page.text
    assert 'value="jsonl"' in page.text
    assert (await portal.browser.get("/fichiers/telechargement")).headers["location"] == "/fichiers"
