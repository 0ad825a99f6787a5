"""Joining: the form with its errors, the mailed link, the access shown once, and commands that work as they are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, Request, expect

from .conftest import OpenPage, RunningPortal, submit
from .fake_joining import PASSWORD, SECRET

TOKEN = "lien-pour-rejoindre_0123456789" * 2
HERE = f"/rejoindre/{TOKEN}"
TYPED = {
    "name": "Département de l’Exemple", "legal_number": "229 300 082", "contact_email": "equipe@exemple.test",
    "email": "orientations@exemple.test", "phone": "01 99 00 12 34",
    "postal_address": "1 place de l’Exemple\n00000 Exempleville",
}  # fmt: skip
Look = Callable[[Page, str], Awaitable[None]]


async def press(page: Page, name: str) -> None:
    async with page.expect_navigation():
        await page.get_by_role("button", name=name, exact=True).click()


async def fill(page: Page, territory: str) -> None:
    for name, value in TYPED.items():
        await page.locator(f"#{name}").fill(value)
    await page.locator("#territory").fill(territory)
    await page.locator("input[name=usage][value=sandbox]").check()
    await page.locator("input[name=kind][value=council]").check()


async def test_form_says_what_to_mend_names_the_places_and_asks_once(
    portal: RunningPortal, open_page: OpenPage, look: Look
) -> None:
    portal.fill()
    page = await open_page(portal.url, scripts=False)
    await page.goto("/rejoindre")
    await look(page, "join-empty")
    await submit(page)
    await expect(page.locator("#erreurs li")).to_have_count(8)
    await look(page, "join-errors")
    await fill(page, "93\nMontreuil\n200054781")
    await page.locator("#legal_number").fill("229 300 083")
    await submit(page)
    await expect(page.locator("#legal_number-erreur")).to_contain_text("faute de frappe")
    await expect(page.locator(".troubles")).to_contain_text("Montreuil (93)")
    await expect(page.locator("#phone")).to_have_value(TYPED["phone"])
    await look(page, "join-troubles")
    await fill(page, "93\nMontreuil (93), 200054781")
    await submit(page)
    for name in ("Seine-Saint-Denis", "Montreuil (93)", "Métropole du Grand Paris"):
        await expect(page.locator(".places")).to_contain_text(name)
    await look(page, "join-check")
    await press(page, "Corriger")
    await expect(page.locator("#postal_address")).to_have_value(TYPED["postal_address"])
    await submit(page)
    portal.control("set", {"down": ["partners"]})
    await press(page, "Envoyer ma demande")
    await expect(page.locator("#erreurs")).to_contain_text("Rien n’est perdu")
    portal.control("set", {})
    await page.get_by_role("button", name="Envoyer ma demande").dblclick()
    await expect(page.locator("h1")).to_contain_text("Regardez dans votre boîte")
    await look(page, "join-sent")
    (asked,) = portal.control("requests")
    assert asked["legal_number"] == "229300082"
    assert asked["territory"]["communes"] == ["93048"]
    assert asked["territory"]["epcis"] == ["200054781"]
    assert asked["sandbox"] is True


async def test_link_confirms_shows_the_access_once_and_tries_it_without_telling_the_token(
    portal: RunningPortal, open_page: OpenPage, look: Look
) -> None:
    portal.fill()
    portal.control(f"join/{TOKEN}", {})
    page = await open_page(portal.url, scripts=False, width=768)
    asked: list[Request] = []

    def remember(request: Request) -> None:
        asked.append(request)

    page.on("request", remember)
    await page.goto(HERE)
    await look(page, "join-link-unconfirmed")
    await press(page, "Confirmer notre demande")
    await look(page, "join-link-approved")
    await page.get_by_role("button", name="Afficher mes accès — une seule fois").dblclick()
    await expect(page.locator("h1")).to_have_text("Vos accès")
    shown = [await block.inner_text() for block in await page.locator("pre code").all()]
    assert shown[:2] == [SECRET, PASSWORD]
    await look(page, "join-access")
    await page.get_by_role("link", name="C’est rangé").click()
    await expect(page.locator("main")).to_contain_text("ont déjà été montrés")
    assert SECRET not in await page.content()
    await press(page, "M’envoyer une orientation d’essai")
    await expect(page.locator(".notice.done")).to_contain_text("est dans votre flux")
    event_id = await page.locator("tbody th").first.inner_text()
    await look(page, "join-tested")
    _, _, keep, token, feed, *_ = shown
    answer = await in_a_shell("\n".join((keep, token, feed)))
    assert event_id in answer
    await open_again_asks_for_the_secret(page, answer)

    assert [one.url for one in asked if not one.url.startswith(portal.url)] == []
    assert [one.url for one in asked if one.headers.get("referer")] == []
    assert TOKEN not in await page.title()
    assert await page.context.cookies() == []
    assert [call for call in portal.state()["person_calls"] if call["signed_in"] or TOKEN in call["path"]] == []


async def open_again_asks_for_the_secret(page: Page, answer: str) -> None:
    """Check the page made for them later: it holds no secret, its first command asks for it, and all goes as before."""
    blocks = [await page.locator(f"#commande-{name} + p + figure code").inner_text() for name in KEPT]
    again = await in_a_shell("\n".join(blocks[:1]) + "\n" + "\n".join(blocks[1:]), typed=f"{SECRET}\n{PASSWORD}\n")
    assert again.split(" : ")[-1] == answer


KEPT = ("keep", "token", "feed")


async def in_a_shell(commands: str, typed: str = "") -> str:
    """Run what a newcomer copies, as it is, and return what it writes."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", commands, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*", "no_proxy": "*"},
    )  # fmt: skip
    written, _ = await process.communicate(typed.encode())
    assert process.returncode == 0
    return written.decode()
