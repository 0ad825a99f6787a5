"""Managers and operators at their pages: every act goes to the partners service once, and its effect is on the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect

from .conftest import OpenPage, RunningPortal, SignIn, submit

Look = Callable[[Page, str], Awaitable[None]]


async def press(page: Page, name: str) -> None:
    async with page.expect_navigation():
        await page.get_by_role("button", name=name, exact=True).first.click()


async def test_manager_rotates_revokes_and_looks_after_members(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Responsable")
    await expect(page.locator(".client").first).to_contain_text("Dernière utilisation")
    await expect(page.locator(".client").last).to_contain_text("Jamais utilisé")
    await page.get_by_role("link", name="Créer un nouveau secret").first.click()
    await page.get_by_label("Une semaine").check()
    # Doubled without scripts: one secret is made, and the page that is left shows it.
    await page.get_by_role("button", name="Créer et afficher le secret").dblclick()
    secret = await page.locator("pre code").inner_text()
    assert secret.startswith("secret-")
    await page.get_by_role("link", name="C’est rangé").click()
    await expect(page.locator(".client").first).to_contain_text("S’arrête le")
    await page.get_by_role("link", name="Créer un nouveau secret").first.click()
    await expect(page.locator("main")).to_contain_text("Arrêtez d’abord")
    await page.go_back()
    await page.get_by_role("link", name="Arrêter ce secret").first.click()
    await press(page, "Arrêter ce secret")
    await expect(page.locator(".notice")).to_contain_text("ne marche plus")
    await page.get_by_role("link", name="Retirer cet accès").last.click()
    await page.get_by_role("button", name="Retirer cet accès").dblclick()
    await expect(page.locator(".client")).to_have_count(1)

    await page.goto("/membres")
    await page.locator("#label").fill("Assistante sociale, Bobigny")
    await page.get_by_label("Travail social").check()
    await press(page, "Ajouter ce membre")
    await page.get_by_role("link", name="Modifier Assistante sociale, Bobigny").click()
    await page.locator("#label").fill("Assistante sociale, Saint-Denis")
    await press(page, "Enregistrer")
    await page.get_by_role("link", name="Retirer Assistante sociale, Saint-Denis").click()
    await press(page, "Retirer ce membre")
    await expect(page.locator("main")).not_to_contain_text("Saint-Denis")
    await page.get_by_role("link", name="Retirer Responsable").click()
    await press(page, "Retirer ce membre")
    await expect(page.locator(".notice")).to_contain_text("C’est la dernière personne")


async def test_manager_follows_a_webhook_from_its_address_to_its_log(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Responsable")
    await page.goto("/webhooks")
    await page.locator("#url").fill("https://hooks.exemple.test/maillage")
    await page.get_by_role("button", name="Ajouter et afficher le secret").dblclick()
    await expect(page.locator("pre code")).to_contain_text("whsec_")
    await page.goto("/webhooks")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.locator("tbody a").click()
    for button, said in (
        ("Envoyer le défi", "L’envoi commence"), ("Envoyer un essai", "a reçu l’essai"),
        ("Mettre en pause", "Rien n’est perdu"), ("Reprendre l’envoi", "là où il s’était arrêté"),
    ):  # fmt: skip
        await press(page, button)
        await expect(page.locator(".notice").first).to_contain_text(said)
    await expect(page.locator(".log tbody tr")).to_have_count(1)
    await page.locator("#event_id").fill("inconnu")
    await press(page, "Renvoyer cet événement")
    await expect(page.locator("#event_id-erreur")).to_contain_text("copiez-le depuis le journal")
    await page.locator("#day").fill("24/11/2026")
    await press(page, "Tout renvoyer depuis ce jour")
    await submit(page, ".log button")
    await expect(page.locator(".log tbody tr")).to_have_count(3)
    await page.get_by_role("link", name="Supprimer ce webhook").click()
    await press(page, "Supprimer ce webhook")
    await expect(page.locator(".empty")).to_contain_text("Aucun webhook")


async def test_operator_answers_requests_and_opens_an_organisation(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    for name in ("Département un", "Département deux"):
        portal.control("requests/add", {"name": name})
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Opératrice")
    await page.get_by_role("link", name="Lire celle de Département un").click()
    await expect(page.locator(".places")).to_contain_text("Montreuil (93)")
    for code, said in (("CD 93", "2 à 20 lettres"), ("cd93", "Ce code est déjà pris")):
        await page.locator("#code").fill(code)
        await press(page, "Accepter cette organisation")
        await expect(page.locator("#code-erreur")).to_contain_text(said)
    await page.locator("#code").fill("cd01")
    await press(page, "Accepter cette organisation")
    await page.get_by_role("link", name="Lire celle de Département deux").click()
    await page.locator("#reason").fill("Ce numéro est celui d’une autre organisation.")
    await page.get_by_role("button", name="Refuser cette demande").dblclick()
    await expect(page.locator(".first")).to_contain_text("Aucune demande n’attend")
    assert [one["state"] for one in portal.control("requests")] == ["approved", "refused"]
    await page.get_by_role("link", name="Organisations").click()
    await page.get_by_role("link", name="Conseil départemental").click()
    await press(page, "Créer un accès")
    await expect(page.locator("pre code")).to_contain_text("secret-")
    await page.goto("/acces")
    await expect(page.locator("h1")).to_have_text("Cette page n’existe pas")


async def test_manager_chooses_what_the_stream_takes_without_scripts(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn, look: Look
) -> None:
    portal.fill()
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Responsable")
    await page.get_by_role("link", name="Événements reçus").click()
    await look(page, "event-types")
    await page.get_by_label("Seulement ceux choisis").check()
    people = page.get_by_role("group", name="Personnes", exact=True)
    await people.get_by_label("Quelques-uns").check()
    await press(page, "Voir ce que ce choix change")
    await expect(page.locator("h1")).to_have_text("Vérifier ce choix")
    await look(page, "event-types-check-all")
    await press(page, "Modifier le choix")
    await people.get_by_label("Aucun").check()
    await press(page, "Voir ce que ce choix change")
    await expect(page.locator(".notice")).to_contain_text("personne identifiée")
    await look(page, "event-types-check")
    await page.get_by_role("button", name="Recevoir ces événements").dblclick()
    await expect(page.get_by_role("status")).to_contain_text("C’est changé")
    await expect(people.get_by_label("Aucun")).to_be_checked()
    await look(page, "event-types-chosen")


async def test_manager_downloads_the_events_of_a_period(
    portal: RunningPortal, open_page: OpenPage, sign_in: SignIn
) -> None:
    portal.fill()
    page = await open_page(portal.url, scripts=False)
    await sign_in(page, "Responsable")
    await page.get_by_role("link", name="Fichiers").click()
    await page.get_by_label("Premier jour").fill("2026-11-24")
    await page.get_by_label("Dernier jour").fill("2026-11-01")
    await press(page, "Télécharger le fichier")
    await expect(page.locator("#erreurs")).to_contain_text("qui suit le premier")
    await expect(page.get_by_label("Premier jour")).to_have_value("2026-11-24")
    await page.get_by_label("Dernier jour").fill("2026-11-30")
    await page.get_by_label("Lignes JSON").check()
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Télécharger le fichier").click()
    file = await started.value
    assert file.suggested_filename == "maillage-cd93-2026-11-24-2026-11-30.jsonl"
    lines = (await file.path()).read_bytes().splitlines()
    assert len(lines) == 2000
    assert lines[0].startswith(b"0,2026-11-24,2026-11-30,")
