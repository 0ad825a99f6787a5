"""What every page keeps to: headers, tokens, nothing typed lost, nothing about a person outside the page."""

from __future__ import annotations

import re
from uuid import UUID

import httpx
import pytest

from .conftest import CASEWORKER, REFERRAL_ID, VOLUNTEER, Portal, referral_document

LIST = {"items": [referral_document()], "cursor": None, "counts": {"submitted": 1}}
PERSON = {
    "first_name": "Camille", "last_name": "Exemple", "birth_day": "3", "birth_month": "5", "birth_year": "1988",
}  # fmt: skip
DRAFT = UUID(int=99)
ORGANISATION = {"code": "entraide", "name": "Entraide Exemple", "kind": "association"}
MEMBERS = {"items": [{"member_id": str(VOLUNTEER.member_id), "label": "Bénévole A", "organisation": ORGANISATION}]}


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', page.text)
    assert found, f"no field {name}"
    return found[1]


async def test_pages_have_a_strict_policy_and_nothing_inline_when_drawn(portal: Portal) -> None:
    portal.services.answers[("GET", "/referrals")] = (200, LIST)
    portal.services.answers[("GET", f"/referrals/{REFERRAL_ID}")] = (200, referral_document())
    await portal.sign_in(CASEWORKER)
    for path in ("/", "/connexion", "/design", "/accessibilite", "/orientations", f"/orientations/{REFERRAL_ID}", "/x"):
        page = await portal.browser.get(path, follow_redirects=True)
        assert page.headers["cache-control"] == "no-store"
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not re.search(r"<style|<script(?! src=)|\sstyle=|\son[a-z]+=|https?://", page.text), path
        assert "01 99 00 12 34" in page.text
        assert "Exempleville" in page.text


async def test_first_load_is_small_when_everything_is_counted(portal: Portal) -> None:
    lines = [referral_document() for _ in range(100)]
    portal.services.answers[("GET", "/referrals")] = (
        200,
        {"items": lines, "cursor": None, "counts": {"submitted": 100}},
    )
    await portal.sign_in(VOLUNTEER)
    page = await portal.browser.get("/orientations")
    assets = [await portal.browser.get(url) for url in re.findall(r'"(/static/[^"]+)"', page.text)]
    assert len(assets) == 3
    assert all("immutable" in asset.headers["cache-control"] for asset in assets)
    assert len(page.content) + sum(len(asset.content) for asset in assets) <= 100_000
    assert len(portal.app.state.shell.assets["portal.js"].body) <= 3 * 1024


async def test_name_is_in_the_page_and_nowhere_else_when_a_referral_is_read(portal: Portal) -> None:
    portal.services.answers[("GET", f"/referrals/{REFERRAL_ID}")] = (200, referral_document())
    await portal.sign_in(CASEWORKER)
    page = await portal.browser.get(f"/orientations/{REFERRAL_ID}")
    title = re.search(r"<title>(.*)</title>", page.text)
    assert title
    assert "Camille" in page.text
    assert "Camille" not in title[1] + str(page.url) + str(page.headers)


async def test_form_without_its_token_changes_nothing_when_posted_from_elsewhere(portal: Portal) -> None:
    await portal.sign_in(VOLUNTEER)
    portal.services.answers[("GET", "/members")] = (200, MEMBERS)
    answer = await portal.post(f"/orientations/nouvelle/{DRAFT}/personne", {**PERSON, "jeton": "wrong"}, origin=False)
    assert answer.status_code == 401
    assert portal.drafts.kept == {}
    assert "Camille" not in answer.text


async def test_typed_form_is_offered_again_when_it_was_drawn_for_another_session(portal: Portal) -> None:
    csrf = await portal.sign_in(VOLUNTEER)
    answer = await portal.post(f"/orientations/nouvelle/{DRAFT}/personne", {**PERSON, "jeton": "older"})
    assert answer.status_code == 409
    assert hidden(answer, "first_name") == "Camille"
    assert csrf in answer.text
    assert portal.drafts.kept == {}


async def test_typed_form_survives_signing_in_again_when_the_session_has_ended(portal: Portal) -> None:
    portal.services.answers[("GET", "/members")] = (200, MEMBERS)
    path = f"/orientations/nouvelle/{DRAFT}/personne"
    ended = await portal.post(path, {**PERSON, "jeton": "of a session that ended"})
    assert ended.status_code == 401
    again = {name: hidden(ended, name) for name in ("jeton", "garde_chemin", *(f"garde.{name}" for name in PERSON))}

    resumed = await portal.post("/connexion", {**again, "membre": str(VOLUNTEER.member_id)})
    assert f'action="{path}"' in resumed.text
    fields = {name: hidden(resumed, name) for name in PERSON}
    tokens = re.findall(r'name="jeton" value="([^"]*)"', resumed.text)
    saved = await portal.post(path, {**fields, "jeton": tokens[-1]})

    assert saved.headers["location"] == f"/orientations/nouvelle/{DRAFT}/lieu"
    assert portal.drafts.kept[DRAFT][0].value("last_name") == "Exemple"


async def test_typed_form_is_kept_in_the_page_when_the_database_does_not_answer(portal: Portal) -> None:
    csrf = await portal.sign_in(VOLUNTEER)
    portal.sessions.silent = True
    answer = await portal.post(f"/orientations/nouvelle/{DRAFT}/personne", {**PERSON, "jeton": csrf})
    assert answer.status_code == 503
    assert hidden(answer, "last_name") == "Exemple"
    assert hidden(answer, "jeton") == csrf


@pytest.mark.parametrize("path", ["//evil.test", "/\\evil.test", "https://evil.test", "javascript:alert(1)"])
async def test_language_switch_stays_here_when_the_address_points_elsewhere(portal: Portal, path: str) -> None:
    answer = await portal.browser.get("/langue", params={"choix": "en", "retour": path})
    assert answer.headers["location"] == "/"
    assert "maillage_langue=en" in answer.headers["set-cookie"]


async def test_session_cookie_is_unreadable_by_scripts_when_set(portal: Portal) -> None:
    portal.services.answers[("GET", "/members")] = (200, MEMBERS)
    csrf = hidden(await portal.browser.get("/connexion"), "jeton")
    answer = await portal.post("/connexion", {"jeton": csrf, "membre": str(VOLUNTEER.member_id)})
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("maillage_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert answer.headers["location"] == "/orientations"


async def test_page_says_which_service_is_silent_when_it_does_not_answer(portal: Portal) -> None:
    portal.services.answers[("GET", "/referrals")] = (503, {})
    await portal.sign_in(VOLUNTEER)
    page = await portal.browser.get("/orientations")
    assert page.status_code == 503
    assert "Le service des orientations ne répond pas" in page.text


async def test_unforeseen_failure_is_a_page_with_its_number_when_a_browser_asks(portal: Portal) -> None:
    @portal.app.get("/breaks")
    async def breaks() -> None:
        raise RuntimeError("Camille Exemple")

    page = await portal.browser.get("/breaks")
    assert page.status_code == 500
    assert page.headers["content-type"].startswith("text/html")
    assert re.search(r"<code>[0-9a-f]{32}</code>", page.text)
    assert "Camille" not in page.text


async def test_council_has_no_form_to_refer_when_it_asks_for_one(portal: Portal) -> None:
    await portal.sign_in(CASEWORKER)
    assert (await portal.browser.get("/orientations/nouvelle")).status_code == 404
