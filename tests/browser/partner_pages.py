"""Every page about joining and being a partner, brought to the browser in turn: empty, full, long, with errors."""

from __future__ import annotations

from collections.abc import AsyncIterator

from playwright.async_api import Page

from .conftest import RunningPortal, SignIn, submit

TOKEN = "Un_lien-pour-rejoindre" * 3
LONG = "Syndicat intercommunal à vocation unique de Saint-Remy-en-Bouzemont-Saint-Genest-et-Isson et environs"
LONG_URL = (
    "https://hooks.une-organisation-particulierement-longue.exemple.test/maillage/evenements/reception/0123456789"
)
LOG = (
    {"outcome": "timeout", "status": None, "took_ms": 10_000, "next_attempt_at": "2026-11-24T13:00:00Z"},
    {"outcome": "status", "status": 500, "answer": "internal server error … database … unavailable", "attempt": 2},
    {"kind": "challenge", "type": "fr.maillage.partners.webhook.challenge.v1", "outcome": "challenge", "status": 200},
    {"kind": "redelivery"},
)


async def partner_pages(page: Page, portal: RunningPortal, sign_in: SignIn) -> AsyncIterator[str]:
    """Bring the browser to each page in turn, and give its name."""
    portal.fill()
    async for name in joining_pages(page, portal):
        yield name
    await sign_in(page, "Responsable")
    yield "access"
    async for name in manager_pages(page):
        yield name
    async for name in webhook_pages(page, portal):
        yield name
    await page.context.clear_cookies(name="maillage_session")
    await sign_in(page, "Opératrice")
    yield "no request"
    async for name in operator_pages(page, portal):
        yield name


async def dense_pages(page: Page, portal: RunningPortal, sign_in: SignIn) -> AsyncIterator[str]:
    """Bring the browser to the few pages that hold every component of the others between them."""
    portal.fill()
    await page.goto("/rejoindre")
    await page.locator("#territory").fill("Montreuil\n75111\nSaint-Xyzzy")
    await submit(page)
    yield "join form with errors"
    organisation = {"code": "essai", "name": LONG, "kind": "council"}
    portal.control(f"join/{TOKEN}", {"state": "approved", "organisation": organisation})
    await page.goto(f"/rejoindre/{TOKEN}")
    await submit(page, "form[action$=essai] button")
    yield "join tested"
    await sign_in(page, "Responsable")
    yield "access"
    full = {"url": LONG_URL, "waiting": 12, "failures_in_a_row": 3, "log": LOG, "state": "active"}
    active = portal.control("webhook/cd93", full)
    await page.goto(f"/webhooks/{active['webhook_id']}")
    await submit(page, "form:has(#day) button")
    yield "webhook with an error"


async def joining_pages(page: Page, portal: RunningPortal) -> AsyncIterator[str]:
    """Go through the form, and the link in each of its states."""
    await page.goto("/rejoindre")
    yield "join form"
    await page.locator("#territory").fill("Montreuil\n75056\n75111\nSaint-Xyzzy\nParis")
    await page.locator("#legal_number").fill("W751234567")
    await submit(page)
    yield "join form with errors"
    values = {"name": LONG, "legal_number": "229300082", "contact_email": "a@exemple.test", "phone": "0199001234"}
    for name, value in {**values, "postal_address": "1 rue", "territory": "93\n69M\n200054781\nMontreuil (93)"}.items():
        await page.locator(f"#{name}").fill(value)
    for choice in ("usage][value=real", "kind][value=council"):
        await page.locator(f"input[name={choice}]").check()
    await submit(page)
    yield "join check"
    await page.goto("/demande-envoyee")
    yield "join sent"
    reason = "Ce numéro est celui d’une autre organisation.\nÉcrivez-nous avec le bon."
    states = ("unconfirmed", "confirmed", "approved", "refused", "expired")
    for state in states:
        organisation = {"code": "essai", "name": LONG, "kind": "council"}
        portal.control(
            f"join/{TOKEN}",
            {
                "state": state, "organisation": organisation, "sandbox": state == "approved",
                "refusal_reason": reason if state == "refused" else None,
            },
        )  # fmt: skip
        await page.goto(f"/rejoindre/{TOKEN}")
        yield f"join link {state}"
        if state == "approved":
            await submit(page, "form[action$=acces] button")
            yield "join access"
            await page.goto(f"/rejoindre/{TOKEN}")
            await submit(page, "form[action$=essai] button")
            yield "join tested"
    await page.goto("/rejoindre/inconnu")
    yield "join link unknown"


async def manager_pages(page: Page) -> AsyncIterator[str]:
    """Go through programs and members."""
    here = "cd93-k7m2x9"
    await page.goto(f"/acces/{here}/secret")
    await submit(page)
    yield "rotation with an error"
    await page.locator("input[value='168']").check()
    await submit(page)
    yield "new secret"
    await page.goto("/acces")
    await page.get_by_role("link", name="secret").first.click()
    yield "secret to end"
    await page.goto(f"/acces/{here}/revocation")
    yield "revocation"
    await page.goto("/membres")
    await submit(page)
    yield "members with errors"
    await page.goto("/membres")
    await page.locator("tbody a").first.click()
    yield "member"
    await page.goto("/fichiers/telechargement?du=2026-11-24&au=2026-11-01&format=csv")
    yield "files with an error"
    await page.goto("/fichiers")
    yield "files"
    await page.goto("/evenements-recus")
    yield "event types"
    await page.locator("input[value=choix]").check()
    await page.locator("#famille-registration-person-2").check()
    boxes = page.locator("input[name=types-registration-person]")
    await boxes.evaluate_all("all => all.forEach((one) => { one.checked = false; })")
    await submit(page, "main form .after button")
    yield "event types with an error"
    await page.locator("#famille-registration-person-3").check()
    await submit(page, "main form .after button")
    yield "event types to check"


async def webhook_pages(page: Page, portal: RunningPortal) -> AsyncIterator[str]:
    """Go through webhooks: none, with an error, and one in each state."""
    await page.goto("/webhooks")
    await page.locator("#url").fill("http://192.168.1.1/")
    await submit(page)
    yield "webhooks with an error"
    types = ["fr.maillage.referrals.referral.submitted.v1", "fr.maillage.referrals.referral.declined.v1"]
    full = {"url": LONG_URL, "event_types": types, "waiting": 12, "failures_in_a_row": 3, "log": LOG}
    active = portal.control("webhook/cd93", {"state": "active", "waiting_since": "2026-11-24T13:00:00Z", **full})
    disabled = portal.control("webhook/cd93", {"state": "disabled", "reason": "exhausted"})
    portal.control("webhook/cd93", {"state": "paused", "last_success_at": "2026-11-24T13:00:00Z"})
    await page.goto("/webhooks")
    yield "webhooks"
    await page.goto(f"/webhooks/{active['webhook_id']}")
    await submit(page, "form:has(#day) button")
    yield "webhook with an error"
    await page.goto(f"/webhooks/{disabled['webhook_id']}")
    yield "webhook disabled"
    await page.goto(f"/webhooks/{active['webhook_id']}/suppression")
    yield "webhook to delete"


async def operator_pages(page: Page, portal: RunningPortal) -> AsyncIterator[str]:
    """Go through requests and an organisation's pages."""
    made = portal.control("requests/add", {"name": LONG})
    portal.control("requests/add", {"kind": "association", "sandbox": True})
    await page.goto("/demandes")
    yield "requests"
    await page.goto(f"/demandes/{made['join_request_id']}")
    await submit(page, "form[action$=refus] button")
    yield "request with an error"
    await page.goto("/organisations")
    yield "organisations"
    for slug in ("acces", "membres", "webhooks", "evenements-recus"):
        await page.goto(f"/organisations/cd93/{slug}")
        yield f"organisation {slug}"
