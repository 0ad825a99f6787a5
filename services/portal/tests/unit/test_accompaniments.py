"""Pages of the story after the acceptance: who has which, what is asked before it is done, nothing typed lost."""

from __future__ import annotations

import re

import httpx
import pytest

from portal.domain.member import Member

from .conftest import ADVISER, CASEWORKER, REFERRAL_ID, VOLUNTEER, Portal, referral_document
from .story_documents import ACCOMPANIMENT_ID, APPOINTMENT_ID, SERVICE, accompaniment_document, appointment_document

HERE = f"/accompagnements/{ACCOMPANIMENT_ID}"
READ = ("GET", f"/accompaniments/{ACCOMPANIMENT_ID}")
KEY = "00000000-0000-4000-8000-000000000001"
ACCEPTED = {"status": "accepted", "allowed": []}


@pytest.fixture
def story(portal: Portal) -> Portal:
    """A portal whose services know one referral, one accompaniment and one appointment."""
    portal.services.answers |= {
        ("GET", f"/referrals/{REFERRAL_ID}"): (200, referral_document(**ACCEPTED)),
        ("GET", "/referrals"): (200, {"items": [], "cursor": None, "counts": {}}),
        ("GET", "/employment-services"): (200, {"items": [SERVICE]}),
        ("GET", "/accompaniments"): (200, {"items": [accompaniment_document()], "cursor": None}),
        READ: (200, accompaniment_document()),
        ("GET", "/appointments"): (200, {"items": [appointment_document()]}),
        ("GET", f"/appointments/{APPOINTMENT_ID}"): (200, appointment_document()),
    }
    return portal


def notes_of(portal: Portal) -> list[object]:
    return portal.services.bodies("PUT", f"/accompaniments/{ACCOMPANIMENT_ID}/note")


@pytest.mark.parametrize(
    ("member", "home", "missing"),
    [
        (
            VOLUNTEER,
            "/orientations",
            ("/accompagnements", "/agenda", HERE, f"{HERE}/plan", f"/agenda/{APPOINTMENT_ID}"),
        ),
        (CASEWORKER, "/orientations", ()),
        (ADVISER, "/accompagnements", ("/orientations", f"/orientations/{REFERRAL_ID}", "/orientations/nouvelle")),
    ],
)
async def test_each_kind_has_its_pages_and_no_others(
    story: Portal, member: Member, home: str, missing: tuple[str, ...]
) -> None:
    await story.sign_in(member)
    assert (await story.browser.get("/connexion")).headers["location"] == home
    for path in missing:
        assert (await story.browser.get(path)).status_code == 404
    page = await story.browser.get(home)
    links = re.findall(r'<li><a href="(/[a-z]+)"', page.text.split("<main")[0])
    expected = ["/orientations", "/accompagnements", "/agenda"]
    assert links == ([] if member is VOLUNTEER else [one for one in expected if one not in missing])


async def test_trainers_are_not_offered_at_sign_in_and_their_manager_is(portal: Portal) -> None:
    kinds = ("association", "council", "employment_service", "training_provider", "operator", "unheard_of")
    members = [
        {"member_id": f"{n:032x}", "label": kind, "organisation": {"code": kind, "name": kind, "kind": kind}}
        for n, kind in enumerate(kinds)
    ]
    members.append({**members[3], "member_id": f"{9:032x}", "label": "manager", "role": "manager"})
    portal.services.answers[("GET", "/members")] = (200, {"items": members})
    page = await portal.browser.get("/connexion")
    offered = re.findall(r'<label for="[^"]+">([a-z_]+)</label>', page.text)
    assert sorted(offered) == ["association", "council", "employment_service", "manager", "operator"]


PAGES = (
    "/accompagnements", HERE, f"{HERE}/plan", f"{HERE}/note", f"{HERE}/fin", f"{HERE}/rendez-vous", "/agenda",
    f"/agenda/{APPOINTMENT_ID}", f"/agenda/{APPOINTMENT_ID}/report", f"/orientations/{REFERRAL_ID}/accompagnement",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_pages_have_the_strict_policy_and_a_title_without_a_name(story: Portal, path: str) -> None:
    await story.sign_in(CASEWORKER)
    page = await story.browser.get(path)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|<script(?! src=)|\sstyle=|\son[a-z]+=", page.text)
    title = re.search(r"<title>(.*)</title>", page.text)
    assert title
    assert "Camille" not in title[1] + str(page.headers)


@pytest.mark.parametrize(
    ("member", "values", "offered"),
    [
        (CASEWORKER, ACCEPTED, True),
        (VOLUNTEER, ACCEPTED, False),
        (CASEWORKER, {"status": "under_review"}, False),
        (CASEWORKER, {**ACCEPTED, "accompaniment": {"accompaniment_id": KEY, "status": "active"}}, False),
        (CASEWORKER, {**ACCEPTED, "accompaniment": {"accompaniment_id": KEY, "status": "refused"}}, True),
    ],
)
async def test_joint_accompaniment_is_the_next_act_of_the_council_that_accepted(
    story: Portal, member: Member, values: dict[str, object], offered: bool
) -> None:
    story.services.answers[("GET", f"/referrals/{REFERRAL_ID}")] = (200, referral_document(**values))
    await story.sign_in(member)
    page = await story.browser.get(f"/orientations/{REFERRAL_ID}")
    assert ("Proposer un accompagnement global" in page.text) is offered
    assert (f'href="/accompagnements/{KEY}"' in page.text) is ("accompaniment" in values)


async def test_proposal_is_sent_once_with_the_key_of_its_page(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    path = f"/referrals/{REFERRAL_ID}/accompaniment"
    story.services.answers[("POST", path)] = (201, accompaniment_document())
    page = await story.browser.get(f"/orientations/{REFERRAL_ID}/accompagnement")
    key = re.search(r'name="cle" value="([^"]+)"', page.text)
    assert key
    assert "checked" in page.text  # the only service there is
    fields: dict[str, str | list[str]] = {"jeton": csrf, "cle": key[1], "service": "ft93"}
    answer = await story.post(f"/orientations/{REFERRAL_ID}/accompagnement", fields)
    assert answer.headers["location"] == f"{HERE}?fait=propose"
    (sent,) = story.services.asked_for("POST", path)
    assert sent.headers["idempotency-key"] == key[1]
    assert story.services.bodies("POST", path) == [{"employment_service": "ft93"}]


async def test_choice_is_kept_while_the_person_is_being_identified(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    path = f"/referrals/{REFERRAL_ID}/accompaniment"
    story.services.answers[("POST", path)] = (409, {"code": "person_not_identified"})
    fields: dict[str, str | list[str]] = {"jeton": csrf, "cle": KEY, "service": "ft93"}
    page = await story.post(f"/orientations/{REFERRAL_ID}/accompagnement", fields)
    assert page.status_code == 409
    assert "Attendez quelques secondes" in page.text
    assert re.search(r'value="ft93"[^>]* checked', page.text)


async def test_acceptance_refusal_and_end_ask_on_a_page_of_their_own(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    waiting = accompaniment_document(status="proposed", accepted_by=[], allowed=["acceptance", "refusal", "note"])
    story.services.answers[READ] = (200, waiting)
    page = await story.browser.get(HERE)
    assert 'name="cle"' not in page.text
    for slug, command in (("acceptation", "acceptance"), ("refus", "refusal")):
        assert f'href="{HERE}/{slug}"' in page.text
        assert (await story.browser.get(f"{HERE}/{slug}")).status_code == 200
        path = f"/accompaniments/{ACCOMPANIMENT_ID}/{command}"
        story.services.answers[("POST", path)] = (200, waiting)
        assert story.services.asked_for("POST", path) == []
        await story.post(f"{HERE}/{slug}", {"jeton": csrf, "cle": KEY})
        assert [one.headers["idempotency-key"] for one in story.services.asked_for("POST", path)] == [KEY]
    assert (await story.browser.get(f"{HERE}/fin")).headers["location"] == f"{HERE}?change=oui"


@pytest.mark.parametrize(
    ("reason", "status", "sent"), [("moved", 303, [{"reason": "moved"}]), ("", 422, []), ("because", 422, [])]
)
async def test_end_needs_one_of_the_reasons(story: Portal, reason: str, status: int, sent: list[object]) -> None:
    csrf = await story.sign_in(CASEWORKER)
    path = f"/accompaniments/{ACCOMPANIMENT_ID}/end"
    story.services.answers[("POST", path)] = (200, accompaniment_document(status="ended"))
    answer = await story.post(f"{HERE}/fin", {"jeton": csrf, "cle": KEY, "reason": reason})
    assert answer.status_code == status
    assert story.services.bodies("POST", path) == sent


async def test_act_that_no_longer_applies_shows_where_things_stand(story: Portal) -> None:
    csrf = await story.sign_in(ADVISER)
    path = f"/accompaniments/{ACCOMPANIMENT_ID}/acceptance"
    story.services.answers[("POST", path)] = (409, {"code": "illegal_transition"})
    answer = await story.post(f"{HERE}/acceptation", {"jeton": csrf, "cle": KEY})
    assert answer.headers["location"] == f"{HERE}?change=oui"
    assert (await story.post(f"{HERE}/acceptation", {"jeton": csrf, "cle": "x"})).status_code == 404
    assert (await story.post(f"{HERE}/autre", {"jeton": csrf, "cle": KEY})).status_code == 404


def version_of(page: httpx.Response) -> str:
    found = re.search(r'name="fondee_sur" value="([^"]*)"', page.text)
    assert found
    return found[1]


async def test_private_note_is_saved_and_says_who_sees_it(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    story.services.answers[("PUT", f"/accompaniments/{ACCOMPANIMENT_ID}/note")] = (200, {"note": None})
    assert "Visible par votre organisation seulement" in (await story.browser.get(HERE)).text
    page = await story.browser.get(f"{HERE}/note")
    fields: dict[str, str | list[str]] = {
        "jeton": csrf,
        "fondee_sur": version_of(page),
        "note": " Autre  texte\r\nici ",
    }
    answer = await story.post(f"{HERE}/note", fields)
    assert answer.headers["location"] == f"{HERE}?fait=note#note-privee"
    assert notes_of(story) == [{"text": "Autre texte\nici"}]


async def test_note_of_a_colleague_is_shown_beside_what_was_typed_and_not_overwritten(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    fields: dict[str, str | list[str]] = {"jeton": csrf, "fondee_sur": "an older one", "note": "Mon texte"}
    page = await story.post(f"{HERE}/note", fields)
    assert page.status_code == 409
    assert "Note de notre côté" in page.text
    assert "Mon texte</textarea>" in page.text
    assert notes_of(story) == []
    story.services.answers[("PUT", f"/accompaniments/{ACCOMPANIMENT_ID}/note")] = (200, {"note": None})
    await story.post(f"{HERE}/note", {**fields, "fondee_sur": version_of(page)})
    assert notes_of(story) == [{"text": "Mon texte"}]


async def test_note_that_is_too_long_is_kept_and_says_so(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    page = await story.post(f"{HERE}/note", {"jeton": csrf, "fondee_sur": "", "note": "x" * 4001})
    assert page.status_code == 422
    assert "x" * 4001 in page.text


async def test_list_says_first_how_many_wait_for_an_answer(story: Portal) -> None:
    await story.sign_in(ADVISER)
    lines = [
        accompaniment_document(status="proposed", waiting_for_me=n < 2, proposed_at=f"2026-11-2{n}T09:00:00Z")
        for n in range(3)
    ]
    story.services.answers[("GET", "/accompaniments")] = (200, {"items": lines, "cursor": None})
    page = await story.browser.get("/accompagnements")
    assert "2 accompagnements attendent votre réponse." in page.text
    assert "proposé le vendredi 20 novembre 2026" in page.text
    none = await story.browser.get("/accompagnements?etat=ended&tri=etat&ordre=x&page=99")
    assert "Aucun accompagnement dans cet état" in none.text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"status": "proposed", "allowed": ["note"], "accepted_by": ["cd93"]}, "doit encore répondre, avant le"),
        ({}, "Proposez un rendez-vous"),
        ({"appointments": [{"appointment_id": KEY, "status": "booked", "starts_at": "2096-11-24T13:00:00Z"}],
          "plan": {"version": 0}}, "Écrivez le plan"),
        ({"appointments": [{"appointment_id": KEY, "status": "booked", "starts_at": "2096-11-24T13:00:00Z"}]},
         "Prochain rendez-vous\u00a0: samedi 24 novembre 2096 à 14\u202fh"),
        ({"status": "review_due", "allowed": ["review", "plan"]}, "Dire que le point est fait"),
        ({"status": "refused", "allowed": []}, "L’orientation, elle, reste acceptée"),
        ({"status": "ended", "allowed": []}, "est terminé"),
        ({"status": "newer", "allowed": [], "plan": None, "note": None}, "à tout moment"),
    ],
)  # fmt: skip
async def test_page_says_what_comes_first(story: Portal, values: dict[str, object], said: str) -> None:
    await story.sign_in(CASEWORKER)
    story.services.answers[READ] = (200, accompaniment_document(**values))
    page = await story.browser.get(HERE)
    assert page.status_code == 200
    assert said in page.text


async def test_every_step_of_the_story_is_on_the_timeline_with_its_date_in_full(story: Portal) -> None:
    at, when = "2026-11-21T09:00:00Z", "2026-11-24T13:00:00Z"
    steps = [
        {"at": at, "status": "accompaniment_active", "by": "receiver", "organisation_name": "Conseil"},
        {"at": at, "status": "appointment_booked", "by": "registration", "starts_at": when},
        {"at": at, "status": "appointment_postponed", "by": "registration"},
        {"at": at, "status": "enrolment_confirmed", "by": "training", "starts_at": when},
        {"at": at, "status": "enrolment_confirmed", "by": "training"},
        {"at": at, "status": "something_newer", "by": "system"},
    ]
    story.services.answers[("GET", f"/referrals/{REFERRAL_ID}")] = (200, referral_document(history=steps))
    await story.sign_in(VOLUNTEER)
    page = await story.browser.get(f"/orientations/{REFERRAL_ID}")
    for said in (
        "Conseil a accepté. L’accompagnement global commence.",
        "Rendez-vous\u00a0: mardi 24 novembre 2026 à 14\u202fh.",
        "Le rendez-vous change de date. La nouvelle date suivra.", "La formation commence le mardi 24 novembre 2026",
        "La place en formation est confirmée.", "Une étape a été enregistrée.",
    ):  # fmt: skip
        assert said in page.text
