"""A council joins by itself, on the whole stack: from the form to a test referral read by the commands it was shown."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from chassis.ids import new_id
from maillage.testing.collector import SpanCollector
from maillage.testing.running import RunningStack

from .conftest import OpenPage, SignIn, submit

ENVIRONMENT = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "*", "no_proxy": "*",
    "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}  # fmt: skip
"""Where pip can reach nothing but the address that it was given."""

ITS_NEEDS = f"PYTHONPATH='{sysconfig.get_path('purelib')}'"
PATIENCE_SECONDS = 60.0
"""For a mail: what crosses Kafka takes a tenth of a second on an idle machine."""


@pytest.mark.timeout(300)
async def test_a_council_joins_the_sandbox_and_reads_its_first_referral(
    stack: RunningStack, spans: SpanCollector, open_page: OpenPage, sign_in: SignIn, tmp_path: Path
) -> None:
    page, mark = await open_page(stack.url("portal"), scripts=False), new_id().hex[-8:]
    await ask(page, f"equipe-{mark}@example.org", f"Département {mark} (essai)", "sandbox")
    token = await link(stack, f"equipe-{mark}@example.org")
    await page.goto(f"/rejoindre/{token}")
    await press(page, "Confirmer notre demande")
    await page.get_by_role("button", name="Afficher mes accès — une seule fois").dblclick()
    await expect(page.locator("h1")).to_have_text("Vos accès")
    blocks = {name: await code(page, name) for name in ("keep", "token", "feed", "install", "python", "kafka")}
    secret = await page.locator("pre code").first.inner_text()
    await page.get_by_role("link", name="C’est rangé").click()
    await expect(page.locator("main")).to_contain_text("ont déjà été montrés")
    await press(page, "M’envoyer une orientation d’essai")
    await expect(page.locator(".notice.done")).to_contain_text("est dans votre flux")
    event_id = await page.locator("tbody th").first.inner_text()
    read = await in_a_shell("\n".join((blocks["keep"], blocks["token"], blocks["feed"])), tmp_path)
    assert event_id in read
    # The package comes from the portal; what it needs is this environment's, whose own copy of it is not on the path.
    (tmp_path / "read.py").write_text(blocks["python"], "utf-8")
    listed = await in_a_shell(f"{blocks['install']}\n{blocks['keep']}\n{ITS_NEEDS} python read.py", tmp_path)
    assert event_id in listed
    (tmp_path / "topic.py").write_text(blocks["kafka"], "utf-8")
    await until_written(f"{blocks['keep']}\n{ITS_NEEDS} exec python topic.py", tmp_path, event_id)

    operator = await open_page(stack.url("portal"))
    await sign_in(operator, "Opératrice")
    await operator.goto("/demandes?etat=acceptees")
    await expect(operator.locator("main")).to_contain_text(f"Département {mark} (essai)")

    # The link and the secret are known to who asked, and to no log and no span.
    logs = [path for path in (stack.data / "logs").rglob("*") if path.is_file()]
    assert logs
    for known in (token, secret):
        assert [path.name for path in (*logs, stack.output) if known.encode() in path.read_bytes()] == []
        assert [span.name for span in spans.spans if known in span.text] == []
    assert any(span.name == "POST /rejoindre/{token}/acces" for span in spans.spans)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_operator_lets_an_association_in_and_a_manager_rotates_its_councils_secret(
    stack: RunningStack, open_page: OpenPage, sign_in: SignIn
) -> None:
    page, mark = await open_page(stack.url("portal"), scripts=False), new_id().hex[-8:]
    await ask(page, f"asso-{mark}@example.org", f"Association {mark}", "real", kind="association")
    address = f"/rejoindre/{await link(stack, f'asso-{mark}@example.org')}"
    await page.goto(address)
    await press(page, "Confirmer notre demande")
    await expect(page.locator(".tag")).to_contain_text("Chez notre équipe")

    operator = await open_page(stack.url("portal"), scripts=False)
    await sign_in(operator, "Opératrice")
    await operator.get_by_role("link", name=f"Association {mark}", exact=True).click()
    await operator.locator("#code").fill("asso1")
    await press(operator, "Accepter cette organisation")
    await expect(operator.locator("#code-erreur")).to_contain_text("Ce code est déjà pris")
    await operator.locator("#code").fill(f"a{mark}")
    await press(operator, "Accepter cette organisation")
    await expect(operator.locator(".notice.done")).to_contain_text("L’organisation est acceptée")
    await page.reload()
    await expect(page.locator(".tag")).to_contain_text("Acceptée")
    await operator.goto(f"/organisations/a{mark}/membres")
    await expect(operator.locator("tbody")).to_contain_text("Gestion des accès")
    await operator.goto(f"/organisations/a{mark}/webhooks")
    await expect(operator.locator(".empty")).to_contain_text("Aucun webhook")

    manager = await open_page(stack.url("portal"), scripts=False)
    await sign_in(manager, "Responsable des accès d'exemple (93)")
    await expect(manager.locator(".client").first).to_contain_text("Dernière utilisation")
    await manager.goto("/membres")
    await manager.locator("#label").fill(f"Poste {mark}")
    await manager.get_by_label("Travail social").check()
    await press(manager, "Ajouter ce membre")
    await expect(manager.locator("tbody")).to_contain_text(f"Poste {mark}")
    await manager.get_by_role("link", name=f"Retirer Poste {mark}").click()
    await press(manager, "Retirer ce membre")
    await expect(manager.locator("tbody")).not_to_contain_text(f"Poste {mark}")
    await manager.goto("/webhooks")
    await manager.locator("#url").fill("ftp://exemple.test/")
    await submit(manager)
    await expect(manager.locator("#url-erreur")).to_contain_text("https://")


async def ask(page: Page, email: str, name: str, usage: str, kind: str = "council") -> None:
    """Fill in the form and send it."""
    await page.goto("/rejoindre")
    typed = {
        "name": name, "legal_number": "229 300 082", "territory": "93", "contact_email": email,
        "phone": "01 99 00 12 34", "postal_address": "1 rue de l’Exemple\n00000 Exempleville",
    }  # fmt: skip
    for field, value in typed.items():
        await page.locator(f"#{field}").fill(value)
    await page.locator(f"input[name=usage][value={usage}]").check()
    await page.locator(f"input[name=kind][value={kind}]").check()
    await submit(page)
    await expect(page.locator(".places")).to_contain_text("Seine-Saint-Denis")
    await press(page, "Envoyer ma demande")
    await expect(page.locator("h1")).to_contain_text("Regardez dans votre boîte")


async def press(page: Page, name: str) -> None:
    async with page.expect_navigation():
        await page.get_by_role("button", name=name, exact=True).click()


async def link(stack: RunningStack, email: str) -> str:
    """Return the token in the link that was mailed to an address."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for mail in await asyncio.to_thread(stack.mails):
                if email in str(mail) and "/rejoindre/" in mail["text"]:
                    return str(mail["text"].partition("/rejoindre/")[2].split()[0])
            await asyncio.sleep(0.1)


async def code(page: Page, name: str) -> str:
    return await page.locator(f"#commande-{name} + p + figure code").inner_text()


async def until_written(commands: str, folder: Path, wanted: str) -> None:
    """Run what reads for ever, as it is, until it has written a word; fails when it ends or falls silent before."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", commands, stdout=asyncio.subprocess.PIPE, cwd=folder, env=ENVIRONMENT
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while wanted not in (line := (await process.stdout.readline()).decode()):
                assert line, "the program ended before it had read the event"
    finally:
        process.kill()
        await process.communicate()


async def in_a_shell(commands: str, folder: Path) -> str:
    """Run what a newcomer copies, as it is, and return what it writes."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", commands, stdout=asyncio.subprocess.PIPE, cwd=folder,
        env=ENVIRONMENT,
    )  # fmt: skip
    written, _ = await process.communicate()
    assert process.returncode == 0
    return written.decode()
