"""Chromium, and the portal as `maillage` runs it: `chassis.serve portal` on a real PostgreSQL, before invented
services.

A test of the whole story takes `stack` (see tests/conftest.py) instead of `portal`, and `open_page` with the address of
its portal: everything else here works on both.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from maillage.testing.databases import DatabaseFactory
from maillage.testing.servers import free_ports, run_apart

START_SECONDS = 90
ROOT = Path(__file__).parents[2]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the browser and its tests one event loop."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@dataclass(frozen=True)
class RunningPortal:
    """A portal, and the means to change what its services answer."""

    url: str
    services_url: str

    def control(self, path: str, body: object = None) -> Any:
        """Tell the invented services something; return what they say."""
        answer = httpx.post(f"{self.services_url}/control/{path}", json=body, timeout=10, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def fill(self, *referrals: dict[str, Any]) -> list[str]:
        """Replace all referrals, and mend the services; return the referrals' ids."""
        self.control("set", {})
        ids: list[str] = self.control("fill", list(referrals))["ids"]
        return ids

    def accompany(self, *accompaniments: dict[str, Any]) -> list[str]:
        """Add accompaniments; return their ids."""
        ids: list[str] = self.control("accompany", list(accompaniments))["ids"]
        return ids

    def appoint(self, *appointments: dict[str, Any]) -> list[str]:
        """Add appointments of the first accompaniment; return their ids."""
        ids: list[str] = self.control("appoint", list(appointments))["ids"]
        return ids

    def state(self) -> dict[str, Any]:
        """Return what the invented services have seen."""
        answer: dict[str, Any] = httpx.get(f"{self.services_url}/control/state", timeout=10, trust_env=False).json()
        return answer


@pytest.fixture(scope="session")
def portal(database_factory: DatabaseFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    """The portal's own process, and one for the services it calls."""
    folder = tmp_path_factory.mktemp("portal")
    dsn = run_apart(lambda: database_factory.create("portal", asyncio.Lock()))
    port, services_port = free_ports(2)
    running = RunningPortal(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{services_port}")
    (folder / "master.key").write_text(base64.b64encode(secrets.token_bytes(32)).decode(), "ascii")
    (folder / "client.secret").write_text("only the invented services believe it", "ascii")
    environment = {
        "STACK": "test", "HTTP_PORT": str(port), "DATABASE_DSN": dsn, "CLIENT_ID": "portal", "DEMO_LOGIN": "true",
        "PARTNERS_URL": running.services_url, "REFERRALS_URL": running.services_url, "PORTAL_URL": running.url,
        "REGISTRATION_URL": running.services_url, "TRAINING_URL": running.services_url,
        "TOKEN_URL": f"{running.services_url}/oauth/token", "MASTER_KEY_FILE": str(folder / "master.key"),
        "CLIENT_SECRET_FILE": str(folder / "client.secret"),
    }  # fmt: skip
    commands = (
        [sys.executable, "-m", "tests.browser.fake_services", str(services_port)],
        [sys.executable, "-m", "chassis.serve", "portal"],
    )
    own = {**os.environ, **{f"MAILLAGE_{name}": value for name, value in environment.items()}}
    with (folder / "output.txt").open("wb") as output:
        processes = [subprocess.Popen(command, env=own, stdout=output, stderr=output, cwd=ROOT) for command in commands]
        try:
            for address in (f"{running.services_url}/control/state", f"{running.url}/health/ready"):
                until_answers(address, folder / "output.txt")
            yield running
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(10)


def until_answers(address: str, output: Path) -> None:
    """Wait until `address` answers 200."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(address, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{address} does not answer:\n{output.read_text('utf-8', 'replace')}")


def chromium_path() -> str:
    """Return the browser to drive: Playwright's own is never downloaded."""
    named = os.environ.get("MAILLAGE_TEST_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if named is None:
        pytest.fail(
            "no Chromium: install it (apt-get install chromium), or name one in MAILLAGE_TEST_CHROMIUM", pytrace=False
        )
    return named


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the session."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


class OpenPage(Protocol):
    """Opens a page in a browser profile of its own."""

    def __call__(
        self,
        url: str,
        *,
        width: int = 1280,
        language: Literal["fr", "en"] = "fr",
        scripts: bool = True,
        dark: bool = False,
    ) -> Awaitable[Page]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser) -> AsyncIterator[OpenPage]:
    """Open pages that must not complain: a script error or a refusal by the policy fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def open_one(
        url: str,
        *,
        width: int = 1280,
        language: Literal["fr", "en"] = "fr",
        scripts: bool = True,
        dark: bool = False,
    ) -> Page:
        context = await chromium.new_context(
            base_url=url,
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        if language == "en":
            await context.add_cookies([{"name": "maillage_langue", "value": "en", "url": url}])
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said.type, said.text) else None)
        return page

    yield open_one
    for context in contexts:
        await context.close()
    assert complaints == []


def is_complaint(kind: str, text: str) -> bool:
    """Tell a fault of ours from the browser's remark that an answer was not 2xx, which pages mean."""
    return kind == "error" and not text.startswith("Failed to load resource")


async def submit(page: Page, button: str = "main form button") -> None:
    """Press a button and wait for the page it leads to: what is looked at next is never the one before."""
    async with page.expect_navigation():
        await page.locator(button).click()


SignIn = Callable[[Page, str], Awaitable[None]]


@pytest.fixture
def sign_in() -> SignIn:
    """Sign in as the member whose label contains a text."""

    async def choose(page: Page, label: str) -> None:
        await page.goto("/connexion")
        await page.get_by_label(label).first.check()
        await page.locator("main form button").click()
        await page.wait_for_url(re.compile("/(orientations|accompagnements|demandes|acces)$"))

    return choose


@pytest.fixture
def look() -> Callable[[Page, str], Awaitable[None]]:
    """Keep a picture of the page in the folder MAILLAGE_TEST_SCREENSHOTS, when it is set."""
    folder = os.environ.get("MAILLAGE_TEST_SCREENSHOTS", "")

    async def keep(page: Page, name: str) -> None:
        if folder:
            await page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)

    return keep
