"""The plan's form and the pages of appointments, as a browser without scripts uses them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from chassis.clock import MovableClock
from portal.adapters.appointments import AGENDA_PAGES_MAX

from .conftest import ADVISER, CASEWORKER, Portal
from .story_documents import ACCOMPANIMENT_ID, APPOINTMENT_ID, STEP, THEME, accompaniment_document, appointment_document

HERE = f"/accompagnements/{ACCOMPANIMENT_ID}"
READ = ("GET", f"/accompaniments/{ACCOMPANIMENT_ID}")
PLAN = ("PUT", f"/accompaniments/{ACCOMPANIMENT_ID}/plan")
SLOT = f"/agenda/{APPOINTMENT_ID}"
SLOT_READ = ("GET", f"/appointments/{APPOINTMENT_ID}")
KEY = "00000000-0000-4000-8000-000000000001"
SESSION = {
    "session_id": "session-1", "title": "Bases", "theme": THEME, "commune": {"code": "93048", "name": "Montreuil"},
    "seats": 10, "free": 3, "waiting": 0, "hours": 12, "starts_at": "2096-11-24T13:00:00Z", "place": None,
}  # fmt: skip
Fields = dict[str, str | list[str]]


@pytest.fixture
def story(portal: Portal) -> Portal:
    """A portal of a day in 2096, a little before the dates of the documents."""
    portal.app.state.shell = replace(portal.app.state.shell, clock=MovableClock(datetime(2096, 11, 1, 9, tzinfo=UTC)))
    portal.services.answers |= {
        READ: (200, accompaniment_document()),
        PLAN: (200, accompaniment_document()),
        ("GET", "/sessions"): (200, {"items": [SESSION]}),
        SLOT_READ: (200, appointment_document()),
    }
    return portal


class Form:
    """The plan's form in one browser: what it shows is what it sends."""

    def __init__(self, portal: Portal, csrf: str) -> None:
        self.portal, self.csrf = portal, csrf

    async def shown(self) -> httpx.Response:
        return await self.portal.browser.get(f"{HERE}/plan")

    async def press(self, button: str, **typed: str) -> httpx.Response:
        page = await self.shown()
        fields: Fields = dict(re.findall(r'name="(vu|ouverte)" value="([^"]*)"', page.text))
        fields |= dict(re.findall(r'<textarea id="(but-[^"]+)"[^>]*>\n([^<]*)<', page.text))
        fields |= {**typed, "jeton": self.csrf, "faire": button}
        return await self.portal.post(f"{HERE}/plan", fields)

    def saved(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.portal.services.asked_for(*PLAN)]


async def form_of(story: Portal) -> Form:
    return Form(story, await story.sign_in(CASEWORKER))


async def test_each_button_keeps_what_was_typed_and_saving_sends_it_once(story: Portal) -> None:
    form = await form_of(story)
    answer = await form.press("ajouter-but", **{"but-goal-1": "Travailler la nuit"})
    assert re.fullmatch(rf"{HERE}/plan#but-[0-9a-f-]+", answer.headers["location"])
    assert (await form.press("ajouter-demarche")).headers["location"] == f"{HERE}/plan#action"
    typed = {"text": "Appeler la mairie", "theme": THEME, "assigned_to": "council", "due_on": "2026-12-01"}
    assert (await form.press("garder", **typed)).headers["location"] == f"{HERE}/plan#actions"
    page = await form.shown()
    assert "Travailler la nuit" in page.text
    assert "Appeler la mairie" in page.text
    assert form.saved() == []
    assert (await form.press("enregistrer")).headers["location"] == f"{HERE}?fait=plan#plan"
    (saved,) = form.saved()
    assert saved["version"] == 3
    assert saved["goals"] == [{"goal_id": "goal-1", "text": "Travailler la nuit"}]
    assert [one.get("action_id") for one in saved["actions"]] == ["action-1", None]  # type: ignore[attr-defined]  # a list
    assert story.plan_drafts.kept == {}


async def test_unfinished_action_says_what_it_needs_and_nothing_is_sent(story: Portal) -> None:
    form = await form_of(story)
    await form.press("ajouter-demarche")
    assert (await form.press("enregistrer", text="Appeler")).headers["location"] == f"{HERE}/plan#erreurs"
    page = await form.shown()
    assert "Dites qui le fait." in page.text
    assert "Appeler</textarea>" in page.text
    assert form.saved() == []


async def test_training_takes_the_theme_of_the_chosen_session(story: Portal) -> None:
    form = await form_of(story)
    await form.press("ajouter-formation")
    page = await form.shown()
    assert "Bases, samedi 24 novembre 2096" in page.text
    assert "3 places libres" in page.text
    answer = await form.press("enregistrer", session=f"session-1 {THEME}", theme="", text="", assigned_to="person")
    assert answer.headers["location"].startswith(f"{HERE}?fait=plan")
    (saved,) = form.saved()
    added = saved["actions"][1]  # type: ignore[index]  # a list in an open body
    assert (added["session_id"], added["theme"], added["kind"]) == ("session-1", THEME, "training")


async def test_plan_can_be_changed_when_sessions_cannot_be_read(story: Portal) -> None:
    story.services.answers[("GET", "/sessions")] = (503, {})
    form = await form_of(story)
    await form.press("ajouter-formation")
    page = await form.shown()
    assert page.status_code == 200
    assert "ne peuvent pas être lues pour le moment" in page.text
    await form.press("enregistrer", theme=THEME, text="", assigned_to="person")
    assert len(form.saved()) == 1


async def test_plan_that_changed_meanwhile_is_shown_beside_what_was_typed(story: Portal) -> None:
    form = await form_of(story)
    await form.press("ajouter-but", **{"but-goal-1": "Ma phrase"})
    theirs = {
        "version": 4, "changed_by": str(accompaniment_document()["employment_service"]["organisation_id"]),  # type: ignore[index]  # a document
        "changed_at": "2026-11-22T09:00:00Z", "actions": [{**STEP, "action_id": "action-2", "text": "Leur action"}],
        "goals": [{"goal_id": "goal-1", "text": "Leur phrase"}],
    }  # fmt: skip
    story.services.answers[READ] = (200, accompaniment_document(plan=theirs))
    page = await form.shown()
    assert "Le plan a changé pendant que vous écriviez" in page.text
    for said in ("Leur phrase", "Leur action", "Ma phrase", "Plan changé par Service de l’emploi"):
        assert said in page.text
    await form.press("reprendre:action-2")
    assert (await form.press("enregistrer")).headers["location"].startswith(f"{HERE}?fait=plan")
    (saved,) = form.saved()
    assert saved["version"] == 4
    assert [one.get("action_id") for one in saved["actions"]] == [None, "action-2"]  # type: ignore[attr-defined]  # a list
    assert saved["goals"] == [{"goal_id": "goal-1", "text": "Ma phrase"}]


async def test_saving_over_a_version_the_page_did_not_show_is_not_sent(story: Portal) -> None:
    form = await form_of(story)
    await form.press("ajouter-but", **{"but-goal-1": "Ma phrase"})
    page = await form.shown()
    assert 'name="vu" value="3"' in page.text
    changed = accompaniment_document(plan={"version": 4, "goals": [], "actions": []})
    story.services.answers[READ] = (200, changed)
    fields: Fields = {"jeton": form.csrf, "vu": "3", "faire": "enregistrer"}
    answer = await story.post(f"{HERE}/plan", fields)
    assert answer.headers["location"] == f"{HERE}/plan"
    assert form.saved() == []


async def test_conflict_of_the_service_shows_the_newer_plan(story: Portal) -> None:
    form = await form_of(story)
    story.services.answers[PLAN] = (409, {"code": "plan_changed"})
    answer = await form.press("enregistrer", **{"but-goal-1": "Ma phrase"})
    assert answer.headers["location"] == f"{HERE}/plan"
    assert "Ma phrase" in (await form.shown()).text


async def test_saving_whose_answer_was_lost_is_done_when_it_is_repeated(story: Portal) -> None:
    form = await form_of(story)
    story.services.answers[PLAN] = (503, {})
    page = await form.press("enregistrer", **{"but-goal-1": "Ma phrase"})
    assert page.status_code == 503
    arrived = {"version": 4, "goals": [{"goal_id": "goal-1", "text": "Ma phrase"}], "actions": [STEP]}
    story.services.answers[READ] = (200, accompaniment_document(plan=arrived))
    answer = await story.post(f"{HERE}/plan", {"jeton": form.csrf, "vu": "3", "faire": "enregistrer"})
    assert answer.headers["location"].startswith(f"{HERE}?fait=plan")
    assert len(form.saved()) == 1


async def test_begun_change_is_told_on_the_page_and_can_be_dropped(story: Portal) -> None:
    form = await form_of(story)
    await form.press("ajouter-but")
    assert "Ce n’est pas encore enregistré" in (await story.browser.get(HERE)).text
    await story.sign_in(ADVISER)
    assert "Ce n’est pas encore enregistré" not in (await story.browser.get(HERE)).text
    form = await form_of(story)
    await form.press("abandonner")
    assert "Ce n’est pas encore enregistré" not in (await story.browser.get(HERE)).text


async def test_first_load_is_small_when_the_plan_is_full(story: Portal) -> None:
    text = "Une phrase d’une longueur ordinaire, comme on en écrit dans un plan."
    full = {
        "version": 3,
        "goals": [{"goal_id": f"goal-{n}", "text": text} for n in range(20)],
        "actions": [
            {**STEP, "action_id": f"00000000-0000-4000-8000-{n:012}", "kind": "training", "text": text}
            for n in range(50)
        ],
    }
    story.services.answers[READ] = (200, accompaniment_document(plan=full))
    story.services.answers[("GET", "/sessions")] = (200, {"items": [SESSION] * 50})
    form = await form_of(story)
    await form.press("modifier:00000000-0000-4000-8000-000000000007")
    assets = sum(len(one.body) for one in story.app.state.shell.assets.values())
    for path in (HERE, f"{HERE}/plan"):
        page = await story.browser.get(path)
        assert len(page.content) + assets <= 100_000, path


OFFER: Fields = {
    "cle": KEY, "day_1": "2096-11-24", "hour_1": "14:00", "day_2": "", "hour_2": "", "day_3": "2096-11-20",
    "hour_3": "09:30", "modality": "in_person", "duration": "45", "place": "1 rue", "jeton": "",
}  # fmt: skip


async def test_dates_are_offered_once_for_the_accompaniment(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    story.services.answers[("POST", "/appointments")] = (201, appointment_document(status="proposed"))
    answer = await story.post(f"{HERE}/rendez-vous", {**OFFER, "jeton": csrf})
    assert answer.headers["location"] == f"{SLOT}?fait=propose"
    assert story.services.bodies("POST", "/appointments") == [
        {
            "accompaniment_id": str(ACCOMPANIMENT_ID), "modality": "in_person", "duration_minutes": 45,
            "place": "1 rue", "options": ["2096-11-20T08:30:00Z", "2096-11-24T13:00:00Z"],
        }
    ]  # fmt: skip
    page = await story.post(f"{HERE}/rendez-vous", {**OFFER, "jeton": csrf, "day_1": "", "hour_3": "", "place": ""})
    assert page.status_code == 422
    assert 'value="2096-11-20"' in page.text
    assert len(story.services.bodies("POST", "/appointments")) == 1


async def test_dates_are_kept_while_registration_hears_of_the_agreement(story: Portal) -> None:
    csrf = await story.sign_in(CASEWORKER)
    page = await story.post(f"{HERE}/rendez-vous", {**OFFER, "jeton": csrf})
    assert page.status_code == 409
    assert "Vos dates sont gardées" in page.text
    assert 'value="2096-11-20"' in page.text
    assert f'name="cle" value="{KEY}"' in page.text


async def test_place_is_the_readers_own_office_until_it_is_changed(story: Portal) -> None:
    await story.sign_in(CASEWORKER)
    page = await story.browser.get(f"{HERE}/rendez-vous")
    assert "1 rue de l’Exemple, 00000 Exempleville</textarea>" in page.text


def commands(portal: Portal) -> list[tuple[str, object, str]]:
    """Return the acts that were asked for, in order."""
    return [
        (request.url.path.rsplit("/", 1)[1], json.loads(request.content), request.headers["idempotency-key"])
        for request in portal.services.asked
        if request.method == "POST" and request.url.path.startswith("/appointments/")
    ]


@pytest.mark.parametrize(
    ("slug", "values", "fields", "expected"),
    [
        ("suite", {"allowed": ["holding", "absence"]}, {"outcome": "holding"}, [("holding", {}, KEY)]),
        ("suite", {"allowed": ["holding", "absence"]}, {"outcome": "absence"}, [("absence", {}, KEY)]),
        ("annulation", {}, {}, [("cancellation", {}, KEY)]),
        ("report", {}, {"choice": "none"}, [("postponement", {}, f"{KEY}-1")]),
        ("report", {}, {"choice": "2096-11-25T09:00:00Z"},
         [("postponement", {"starts_at": "2096-11-25T09:00:00Z"}, f"{KEY}-1")]),
        ("report", {}, {"choice": "other", "day_1": "2096-12-01", "hour_1": "10h"},
         [("postponement", {}, f"{KEY}-1"), ("options", {"options": ["2096-12-01T09:00:00Z"]}, f"{KEY}-2"),
          ("booking", {"starts_at": "2096-12-01T09:00:00Z"}, f"{KEY}-3")]),
        ("date", {"status": "proposed", "starts_at": None, "allowed": ["booking"]}, {"choice": "2096-11-25T09:00:00Z"},
         [("booking", {"starts_at": "2096-11-25T09:00:00Z"}, KEY)]),
        ("dates", {"status": "postponed", "starts_at": None, "allowed": ["options"]},
         {"day_1": "2096-12-01", "hour_1": "10:00"}, [("options", {"options": ["2096-12-01T09:00:00Z"]}, KEY)]),
    ],
)  # fmt: skip
async def test_acts_on_an_appointment_are_asked_then_done(
    story: Portal,
    slug: str,
    values: dict[str, object],
    fields: Fields,
    expected: list[tuple[str, object, str]],
) -> None:
    csrf = await story.sign_in(CASEWORKER)
    story.services.answers[SLOT_READ] = (200, appointment_document(**values))
    for act in ("holding", "absence", "cancellation", "postponement", "options", "booking"):
        story.services.answers[("POST", f"/appointments/{APPOINTMENT_ID}/{act}")] = (200, appointment_document())
    assert f'href="{SLOT}/{slug}"' in (await story.browser.get(SLOT)).text
    assert (await story.browser.get(f"{SLOT}/{slug}")).status_code == 200
    assert commands(story) == []
    refused = await story.post(f"{SLOT}/{slug}", {"jeton": csrf, "cle": KEY, "choice": "2000-01-01T00:00:00Z"})
    assert refused.status_code == (303 if slug == "annulation" else 422)
    story.services.asked.clear()
    answer = await story.post(f"{SLOT}/{slug}", {"jeton": csrf, "cle": KEY, **fields})
    assert answer.status_code == 303
    assert "fait=" in answer.headers["location"]
    assert commands(story) == expected


async def test_only_who_receives_the_person_offers_a_date_that_was_not_there(story: Portal) -> None:
    csrf = await story.sign_in(ADVISER)
    story.services.answers[SLOT_READ] = (200, appointment_document())
    assert 'value="other"' not in (await story.browser.get(f"{SLOT}/report")).text
    fields: Fields = {"jeton": csrf, "cle": KEY, "choice": "other", "day_1": "2096-12-01", "hour_1": "10h"}
    assert (await story.post(f"{SLOT}/report", fields)).status_code == 422
    assert commands(story) == []


async def test_agenda_is_read_to_its_end(story: Portal) -> None:
    await story.sign_in(ADVISER)
    story.services.answers[("GET", "/appointments")] = (200, {"items": [appointment_document()], "cursor": "next"})
    assert (await story.browser.get("/agenda?du=2096-11-20")).status_code == 200
    asked = [request.url.params.get("after") for request in story.services.asked_for("GET", "/appointments")]
    assert asked == [None, *["next"] * (AGENDA_PAGES_MAX - 1)]


async def test_act_that_the_service_does_not_allow_is_not_offered(story: Portal) -> None:
    await story.sign_in(ADVISER)
    story.services.answers[SLOT_READ] = (200, appointment_document(allowed=[]))
    assert "Ce que vous pouvez faire" not in (await story.browser.get(SLOT)).text
    for slug in ("suite", "date", "report", "dates", "annulation"):
        assert (await story.browser.get(f"{SLOT}/{slug}")).headers["location"] == f"{SLOT}?change=oui"
    assert (await story.browser.get(f"{SLOT}/autre")).status_code == 404


async def test_agenda_asks_for_two_weeks_and_what_is_past_and_unanswered(story: Portal) -> None:
    await story.sign_in(ADVISER)
    story.services.answers[("GET", "/appointments")] = (200, {"items": []})
    page = await story.browser.get("/agenda?du=2096-11-20")
    assert "Du mardi 20 novembre 2096 au lundi 3 décembre 2096" in page.text
    assert "Aucun rendez-vous dans ces deux semaines" in page.text
    (asked,) = story.services.asked_for("GET", "/appointments")
    assert asked.url.params["to"] == "2096-12-03T23:00:00Z"
    assert (await story.browser.get("/agenda?du=n’importe")).status_code == 200
