"""The story through pages on the whole stack: a volunteer refers, one council answers, its neighbour sees nothing."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from chassis.ids import new_id
from maillage.testing.acts import rows
from maillage.testing.collector import SpanCollector
from maillage.testing.running import RunningStack

from .conftest import OpenPage, SignIn


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scripts", [True, False])
async def test_the_association_follows_and_the_neighbour_sees_nothing(
    stack: RunningStack, spans: SpanCollector, open_page: OpenPage, sign_in: SignIn, scripts: bool
) -> None:
    name = f"Exemple {new_id().hex[-16:]}"
    association = await open_page(stack.url("portal"), scripts=scripts)
    await sign_in(association, "Bénévole")
    send = association.locator("main form button")
    await association.goto("/orientations/nouvelle")
    person = {"first_name": "Camille", "last_name": name, "birth_day": "3", "birth_month": "5", "birth_year": "1988"}
    for field, value in person.items():
        await association.locator(f"#{field}").fill(value)
    await send.click()
    await association.locator("#commune").fill("Montreuil (93)")
    await send.click()
    await association.locator("summary").nth(7).click()
    await association.get_by_label("Louer un logement").check()
    await send.click()
    await association.locator("#person_informed").check()
    await send.click()
    await association.get_by_role("button", name="Envoyer l’orientation").click()
    await expect(association.locator("h1")).to_have_text(f"Orientation de Camille {name}")
    address = association.url
    assert name.split()[1] not in address + await association.title()

    council = await open_page(stack.url("portal"), scripts=scripts)
    await sign_in(council, "Travailleuse sociale")
    await council.goto("/orientations")
    await council.get_by_role("link", name=name).click()
    for act in ("Dire que je l’ai reçue", "Commencer l’examen"):
        await council.get_by_role("button", name=act, exact=True).click()
    await council.get_by_role("link", name="Accepter l’orientation").click()
    await council.get_by_role("button", name="Accepter l’orientation", exact=True).click()
    await expect(council.locator(".state")).to_contain_text("Acceptée")

    neighbour = await open_page(stack.url("portal"), scripts=scripts)
    await sign_in(neighbour, "Travailleur social")
    await neighbour.goto("/orientations")
    assert name not in await neighbour.content()
    refused = await neighbour.goto(address)
    assert refused is not None
    assert refused.status == 404
    assert name not in await neighbour.content()

    if not scripts:
        await association.reload()
    # With scripts the page has followed by itself.
    await expect(association.locator(".state")).to_contain_text("Acceptée")
    for step in ("a reçu", "a commencé", "a accepté"):
        await expect(association.locator(".timeline")).to_contain_text(step)

    # What was typed in the form, drafts included, is nowhere in clear: files of the database and of Kafka, logs, spans.
    await rows(stack, "portal", "CHECKPOINT")
    canary = name.split()[1].encode()
    for folder in ("postgres", "kafka", "logs"):
        files = [path for path in (stack.data / folder).rglob("*") if path.is_file()]
        assert files
        assert [path.name for path in files if canary in path.read_bytes()] == []
    assert canary not in stack.output.read_bytes()
    assert [span.name for span in spans.spans if canary.decode() in span.text] == []
