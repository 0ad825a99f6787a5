"""The story after the acceptance, through pages on the whole stack: two organisations agree and plan, the person moves
their appointment by the link of the e-mail, and the association watches it all arrive.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from maillage.testing.collector import SpanCollector
from maillage.testing.journey import DIGITAL_BASICS, Journey, instant
from maillage.testing.running import RunningStack

from .conftest import OpenPage, SignIn

PATIENCE = 30_000
"""Milliseconds; what crosses Kafka takes a tenth of a second on an idle machine."""

NOTE = "Une note que l’autre ne lit pas"


@pytest.mark.timeout(300)
async def test_the_association_watches_what_two_organisations_and_the_person_do(
    stack: RunningStack, spans: SpanCollector, open_page: OpenPage, sign_in: SignIn
) -> None:
    journey = Journey(stack)
    await journey.refer()
    association = await open_page(stack.url("portal"))
    await sign_in(association, "Bénévole")
    await association.goto(f"/orientations/{journey.referral_id}")
    timeline = association.locator(".timeline")

    council = await open_page(stack.url("portal"))
    await sign_in(council, "Travailleuse sociale d'exemple (93)")
    await expect(timeline).not_to_contain_text("Lue par")
    await council.goto(f"/orientations/{journey.referral_id}")
    proof = timeline.locator("li", has_text="Lue par Département de la Seine-Saint-Denis")
    await expect(proof).to_have_count(1, timeout=PATIENCE)
    await expect(proof.locator("time")).to_have_text(re.compile(r"\sà\s\d{1,2}\sh\s\d{2}$"))
    await journey.accept()
    await council.reload()
    await expect(council.locator(".timeline")).to_contain_text("est identifiée dans le registre", timeout=PATIENCE)
    await council.locator("#acte-accompagnement").click()
    await press(council, "Proposer un accompagnement global")
    await expect(timeline).to_contain_text("a proposé un accompagnement global", timeout=PATIENCE)
    await council.locator("#acte-acceptation").click()
    await press(council, "Accepter l’accompagnement")
    await expect(council.locator(".state")).to_contain_text("Un accord sur deux")
    address = council.url

    service = await open_page(stack.url("portal"))
    await sign_in(service, "Conseillère")
    await service.get_by_role("link", name=journey.mark).click()
    assert service.url == address
    await service.locator("#acte-acceptation").click()
    await press(service, "Accepter l’accompagnement")
    await expect(service.locator(".state")).to_contain_text("En cours")
    await expect(council.locator(".state")).to_contain_text("En cours", timeout=PATIENCE)
    await expect(timeline).to_contain_text("L’accompagnement global commence", timeout=PATIENCE)

    await offer_dates(service)
    await expect(timeline).to_contain_text("dates de rendez-vous", timeout=PATIENCE)
    await person_chooses_then_moves(open_page, journey)
    for said in ("Rendez-vous", "change de date"):
        await expect(timeline).to_contain_text(said, timeout=PATIENCE)

    await service.goto(address)
    await service.get_by_role("link", name="Écrire une note").click()
    await service.locator("#note").fill(NOTE)
    await press(service, "Enregistrer la note")
    await plan_training(service, journey)
    await expect(timeline).to_contain_text("Une place est gardée dans une formation", timeout=PATIENCE)
    await expect(council.locator("#plan")).to_contain_text("Une place est gardée, à confirmer", timeout=PATIENCE)
    await council.reload()
    assert NOTE not in await council.content()
    await council.goto("/agenda")
    await expect(council.locator("main")).to_contain_text(journey.mark)

    # The link opens the appointment to whoever has it: it is in the e-mail, and in no log and no span.
    token = await journey.link()
    logs = [path for path in (stack.data / "logs").rglob("*") if path.is_file()]
    assert logs
    assert [path.name for path in (*logs, stack.output) if token.encode() in path.read_bytes()] == []
    assert [span.name for span in spans.spans if token in span.text] == []
    assert any(span.name == "GET /rendez-vous/{token}" for span in spans.spans)


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def offer_dates(page: Page) -> None:
    """Offer two dates; registration may still be hearing of the agreement."""
    await page.locator("#proposer-rendez-vous").click()
    for n, days in ((1, 8), (2, 9)):
        await page.locator(f"#day_{n}").fill((datetime.now(UTC) + timedelta(days=days)).date().isoformat())
        await page.locator(f"#hour_{n}").fill("10:00")
    await page.locator("#place").fill("12 rue de l’Exemple, Montreuil")
    await press(page, "Proposer ces dates")
    await expect(page.locator(".notice.done")).to_contain_text("Les dates sont proposées")


async def person_chooses_then_moves(open_page: OpenPage, journey: Journey) -> None:
    """Follow the link of the e-mail, choose a date, then the other one."""
    person = await open_page(journey.stack.url("portal"), scripts=False)
    await person.goto(f"/rendez-vous/{await journey.link()}")
    await expect(person.locator("main")).to_contain_text("Camille")
    for _ in range(2):
        await person.locator("#date").check()
        await press(person, "Continuer")
        await press(person, "Oui, choisir cette date")
        await expect(person.locator(".notice.done")).to_contain_text("C’est noté")
    # Both the referral and the agreement are told; each of the two comes by its own topic.
    await expect(person.locator(".shared li")).not_to_have_count(0)


async def plan_training(page: Page, journey: Journey) -> None:
    """Open a session as its provider would, and ask for a seat in it from the plan."""
    starts = instant(datetime.now(UTC).replace(microsecond=0) + timedelta(days=30))
    title = f"Bases {journey.mark}"
    session = {
        "title": title, "theme": DIGITAL_BASICS, "commune": "93048", "seats": 2, "hours": 12, "starts_at": starts,
        "place": "Médiathèque d’exemple",
    }  # fmt: skip
    await journey.act("of93", "training", "/sessions", session)
    await page.locator("#changer-plan").click()
    await press(page, "Ajouter un objectif")
    await page.get_by_label("Objectif 1", exact=True).fill("Faire ses démarches en ligne")
    await press(page, "Ajouter une formation")
    await page.get_by_label(title).check()
    await page.get_by_label("La personne").check()
    await press(page, "Enregistrer le plan")
    await expect(page.locator(".notice.done")).to_contain_text("Le plan est enregistré")
