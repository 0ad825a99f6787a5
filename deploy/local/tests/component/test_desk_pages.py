"""The desk's pages in a browser: accessible in both schemes, whole at every width, loading nothing from elsewhere."""

from __future__ import annotations

import shutil
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from maillage.testing.desk import TOKEN, DeskProcess

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "RGAAv4", "best-practice"]
LONG = "Marie-Christine-Anne-Élisabeth de l’Exemple-Particulièrement-Long-de-La-Tour-d’Auvergne-Lauraguais"
LINK = f"http://127.0.0.1:8000/rendez-vous/{'x' * 90}"
Scheme = Literal["light", "dark"]

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskProcess]:
    made = DeskProcess(tmp_path)
    made.start()
    yield made
    made.kill()


def fill(desk: DeskProcess) -> None:
    """Send what a page might not expect."""
    with smtplib.SMTP("127.0.0.1", desk.smtp_port) as smtp:
        for number, times in ((1, 1), (2, 3)):
            message = EmailMessage()
            message["From"], message["Subject"] = f"{LONG} <a@example.org>", f"Une nouvelle pour {LONG} ({number})"
            message["Message-ID"] = f"<{number}@maillage.example>"
            message.set_content(f"Bonjour,\n{LINK}\n<img src='http://evil.example/x.png'>\n")
            for _ in range(times):
                smtp.send_message(message, to_addrs=[f"{'x' * 60}@example.org"])
    for ending in ("00", "95", "96", "98"):
        body = {"reference": f"n{ending}", "sender": "Maillage", "to": f"+336399812{ending}", "text": LINK}
        headers = {"authorization": f"Bearer {TOKEN}"}
        httpx.post(f"{desk.url}/sms-api/messages", json=body, headers=headers, trust_env=False).raise_for_status()


async def examine(page: Page, desk: DeskProcess, paths: list[str], *, audited: bool) -> list[str]:
    """Return what is wrong with the pages."""
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(desk.url) else None)
    for path in paths:
        await page.goto(f"{desk.url}{path}")
        if audited:
            found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
            wrong += [f"{path}: {violation['id']}" for violation in found.response["violations"]]
        width: int = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        wrong += [f"{path}: {width} px too wide"] if width > 0 else []
    return wrong


async def in_every_way(browser: Browser, desk: DeskProcess, paths: list[str]) -> list[str]:
    wrong: list[str] = []
    ways: tuple[tuple[int, Scheme], ...] = ((320, "light"), (768, "light"), (1280, "light"), (1280, "dark"))
    for width, scheme in ways:
        context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        found = await examine(await context.new_page(), desk, paths, audited=width == 1280)
        wrong += [f"{width} {scheme} {one}" for one in found]
        await context.close()
    return wrong


async def test_pages_are_accessible_whole_and_load_nothing_from_elsewhere(desk: DeskProcess) -> None:
    chromium: Any = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert chromium, "no Chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        empty = await in_every_way(browser, desk, ["/mail", "/sms"])
        fill(desk)
        mail = desk.items("/mail.json")[0]["id"]
        full = await in_every_way(browser, desk, ["/mail", f"/mail/{mail}", "/sms", "/mail/unknown"])
        await browser.close()

    # The unknown mail's 404 is told by the browser on its console.
    assert not empty
    assert {one for one in full if "status of 404" not in one} == set()
