"""The plan belongs to both, each note to one side; their words are in no event, and gone with the person's erasure."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.crypto import SealBroken
from chassis.testing.events import source_of_event
from maillage_contracts import PersonErased
from referrals.adapters.accompaniment_reading import PostgresJointDossiers
from referrals.adapters.accompaniments import PostgresAccompaniments

Desk = Any
Pair = Any
ASSOCIATION, COUNCIL, EMPLOYMENT = UUID(int=0xA1), UUID(int=0xC1), UUID(int=0xF1)
OTHER_COUNCIL = UUID(int=0xC2)
SUBJECT = UUID(int=0x51)
THEME = "numerique--maitriser-les-fondamentaux-du-numerique"
SESSION = "01900000-0000-7000-8000-00000000005e"
CANARY = "Zyxwvut"


def action(**changes: Any) -> dict[str, Any]:
    return {"kind": "step", "theme": THEME, "assigned_to": "person"} | changes


def training(**changes: Any) -> dict[str, Any]:
    return action(**{"kind": "training", "session_id": SESSION, "due_on": "2026-04-30", **changes})


async def test_plan_is_shared_and_its_codes_are_told(pair: Pair) -> None:
    await pair.activate()
    goals = [{"text": "Retrouver un emploi"}]
    actions = [action(text="Appeler l’agence"), training()]
    written = (await pair.put("plan", COUNCIL, version=0, goals=goals, actions=actions))["plan"]
    assert (written["version"], written["changed_by"]) == (1, str(COUNCIL))
    assert [goal["text"] for goal in written["goals"]] == ["Retrouver un emploi"]
    assert [one["text"] for one in written["actions"]] == ["Appeler l’agence", None]
    assert (await pair.read(EMPLOYMENT))["plan"] == written

    pair.desk.clock.advance(timedelta(hours=1))
    kept = [{**written["actions"][0], "state": "done"}, written["actions"][1]]
    for one in kept:
        del one["enrolment"]
    changed = await pair.put("plan", EMPLOYMENT, version=1, goals=[], actions=kept)
    assert (changed["plan"]["version"], changed["plan"]["changed_by"]) == (2, str(EMPLOYMENT))
    assert [one["action_id"] for one in changed["plan"]["actions"]] == [one["action_id"] for one in kept]
    event = (await pair.told())[-1]
    assert (event.changed_by, event.aggregate_version) == (EMPLOYMENT, changed["version"])
    assert [(one.kind, one.state, str(one.session_id)) for one in event.actions] == [
        ("step", "done", "None"), ("training", "planned", SESSION)
    ]  # fmt: skip


async def test_plan_that_somebody_else_changed_is_not_overwritten(pair: Pair) -> None:
    await pair.activate()
    await pair.put("plan", COUNCIL, version=0, goals=[{"text": "Premier"}], actions=[])
    before = await pair.read()
    refused = await pair.put("plan", EMPLOYMENT, 409, version=0, goals=[{"text": "Second"}], actions=[])
    assert refused["code"] == "plan_changed"
    assert await pair.read() == before
    writers = [
        pair.ask("PUT", "/plan", by, {"version": 1, "goals": [{"text": f"{n}"}], "actions": []})
        for n, by in enumerate([COUNCIL, EMPLOYMENT] * 3)
    ]
    answers = await asyncio.gather(*writers)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert len([one for one in await pair.told() if type(one).__name__ == "AccompanimentPlanChanged"]) == 2


async def test_same_plan_again_tells_nothing(pair: Pair) -> None:
    await pair.activate()
    plan = (await pair.put("plan", version=0, goals=[{"text": "x"}], actions=[]))["plan"]
    told = len(await pair.told())
    again = await pair.put("plan", EMPLOYMENT, version=1, goals=plan["goals"], actions=[])
    assert again["plan"] == plan
    assert len(await pair.told()) == told


async def test_plan_waits_for_both_to_agree_and_stops_with_the_accompaniment(pair: Pair) -> None:
    empty: dict[str, Any] = {"version": 0, "goals": [], "actions": []}
    assert (await pair.put("plan", status=409, **empty))["code"] == "illegal_transition"
    await pair.activate()
    await pair.do("end", COUNCIL, {"reason": "moved"})
    assert (await pair.put("plan", status=409, **empty))["code"] == "illegal_transition"


BAD_PLANS: list[tuple[str, dict[str, Any]]] = [
    ("version", {"version": -1}),
    ("version", {"version": "0"}),
    ("version", {"version": None}),
    ("goals", {"goals": [{"text": "x"}] * 21}),
    ("goals", {"goals": None}),
    ("goals[0].text", {"goals": [{"text": "  "}]}),
    ("goals[0].text", {"goals": [{"text": CANARY * 80}]}),
    ("goals[0].text", {"goals": [{"text": f"{CANARY}\u0000"}]}),
    ("goals[0].goal_id", {"goals": [{"goal_id": str(uuid4()), "text": CANARY}]}),
    ("goals[0].goal_id", {"goals": [{"goal_id": CANARY, "text": "x"}]}),
    ("goals[0].owner", {"goals": [{"text": "x", "owner": CANARY}]}),
    ("actions", {"actions": [action()] * 51}),
    ("actions[0].theme", {"actions": [action(theme=f"{CANARY}--x")]}),
    ("actions[0].kind", {"actions": [action(kind="sanction")]}),
    ("actions[0].assigned_to", {"actions": [action(assigned_to=CANARY)]}),
    ("actions[0].due_on", {"actions": [action(due_on="2026-02-30")]}),
    ("actions[0].due_on", {"actions": [action(due_on=20260430)]}),
    ("actions[0].state", {"actions": [action(state="late")]}),
    ("actions[0].session_id", {"actions": [action(session_id=SESSION)]}),
    ("actions[0].session_id", {"actions": [training(session_id=CANARY)]}),
    ("actions[0].action_id", {"actions": [action(action_id=str(uuid4()))]}),
    ("actions[0].text", {"actions": [action(text=CANARY * 80)]}),
]


async def test_bad_plan_is_refused_by_field_and_nothing_is_echoed(pair: Pair, subtests: pytest.Subtests) -> None:
    await pair.activate()
    told = len(await pair.told())
    for n, (field, changes) in enumerate(BAD_PLANS):
        with subtests.test(case=n, field=field):
            body = {"version": 0, "goals": [], "actions": []} | changes
            answer = await pair.ask("PUT", "/plan", COUNCIL, body)
            assert answer.status_code == 422
            assert [error["field"] for error in answer.json()["errors"]] == [field]
            assert CANARY not in answer.text
    assert await pair.desk.rows("SELECT * FROM accompaniment_plans") == []
    assert len(await pair.told()) == told


async def test_largest_plan_fits(pair: Pair) -> None:
    await pair.activate()
    goals, actions = [{"text": "é" * 500}] * 20, [training(text="é" * 500)] * 50
    written = await pair.put("plan", version=0, goals=goals, actions=actions)
    assert len(written["plan"]["actions"]) == 50
    assert len((await pair.told())[-1].actions) == 50


async def test_note_is_for_its_side_alone(pair: Pair) -> None:
    for by, text in ((COUNCIL, f"{CANARY} du conseil"), (EMPLOYMENT, f"{CANARY} de l’agence")):
        kept = await pair.put("note", by, text=text)
        assert kept["note"]["text"] == text
    assert (await pair.read(COUNCIL))["note"]["text"] == f"{CANARY} du conseil"
    assert (await pair.read(EMPLOYMENT))["note"]["text"] == f"{CANARY} de l’agence"
    assert (await pair.put("note", COUNCIL, text="  ")) == {"note": None}
    assert (await pair.read(COUNCIL))["note"] is None
    assert (await pair.read(EMPLOYMENT))["note"] is not None
    for bad in ({}, {"text": "x" * 5001}, {"text": 1}, {"text": "x", "side": "council"}):
        assert (await pair.ask("PUT", "/note", COUNCIL, bad)).status_code == 422


async def test_other_side_cannot_tell_that_a_note_exists(pair: Pair) -> None:
    await pair.activate()
    before, told = await pair.read(EMPLOYMENT), len(await pair.told())
    pair.desk.clock.advance(timedelta(days=1))
    await pair.put("note", COUNCIL, text=f"{CANARY} du conseil")
    assert await pair.read(EMPLOYMENT) == before
    assert len(await pair.told()) == told


async def test_words_are_in_no_event_no_table_and_no_other_answer(pair: Pair) -> None:
    desk = pair.desk
    await pair.activate()
    await pair.put("note", COUNCIL, text=f"{CANARY}conseil")
    await pair.put("note", EMPLOYMENT, text=f"{CANARY}agence")
    goals = [{"text": f"{CANARY}but"}]
    await pair.put("plan", version=0, goals=goals, actions=[training(text=f"{CANARY}action")])
    await pair.ask("POST", "/end", COUNCIL, {"reason": "moved"}, **{"idempotency-key": "one"})

    for by, own, others in ((COUNCIL, "conseil", "agence"), (EMPLOYMENT, "agence", "conseil")):
        seen = await pair.ask("GET", by=by)
        assert f"{CANARY}{own}" in seen.text
        assert f"{CANARY}but" in seen.text
        answers = [seen, await desk.http.get("/accompaniments", headers=desk.bearer(by))]
        assert not [answer for answer in answers if f"{CANARY}{others}" in answer.text]
    for by in (ASSOCIATION, COUNCIL):
        assert CANARY not in (await desk.read(pair.referral_id, by)).text
    assert len(await desk.rows("SELECT * FROM outbox")) > 6
    tables = [row["t"] for row in await desk.rows("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
    for table in tables:
        for row in await desk.rows(f"SELECT * FROM {table}"):
            for value in row.values():
                raw = value if isinstance(value, bytes) else str(value).encode()
                assert CANARY.encode() not in raw, table


async def test_note_moved_to_the_other_side_does_not_open(pair: Pair) -> None:
    await pair.put("note", COUNCIL, text=CANARY)
    async with pair.desk.db.transaction() as tx:
        await tx.execute("UPDATE accompaniment_notes SET side = 'employment_service'")
        with pytest.raises(SealBroken):
            await PostgresJointDossiers(tx, pair.desk.runtime.vault()).find(UUID(pair.accompaniment_id), EMPLOYMENT)


async def erase(desk: Desk) -> None:
    erased = PersonErased(subject_ref=SUBJECT, aggregate_version=2, erased_at=desk.clock.now())
    await desk.persons().process([source_of_event(erased)])


async def test_erasure_leaves_codes_without_words_person_or_keys(pair: Pair) -> None:
    await pair.activate()
    await pair.put("note", COUNCIL, text=CANARY)
    await pair.put("plan", version=0, goals=[{"text": CANARY}], actions=[training(text=CANARY)])
    await erase(pair.desk)

    for table in ("accompaniment_keys", "accompaniment_notes", "plan_words", "referral_persons"):
        assert await pair.desk.rows(f"SELECT * FROM {table}") == []
    seen = await pair.ask("GET")
    document = seen.json()
    assert CANARY not in seen.text
    assert (document["person"], document["person_name"], document["note"]) == (None, None, None)
    assert document["plan"]["goals"] == []
    assert [(one["kind"], one["text"]) for one in document["plan"]["actions"]] == [("training", None)]
    assert document["allowed"] == ["end"]
    for part, body in (("plan", {"version": 1, "goals": [], "actions": []}), ("note", {"text": CANARY})):
        assert (await pair.put(part, status=409, **body))["code"] == "person_erased"
    assert (await pair.do("end", EMPLOYMENT, {"reason": "person_request"}))["status"] == "ended"


async def test_word_written_at_the_instant_of_an_erasure_does_not_survive_it(pair: Pair) -> None:
    await pair.activate()
    async with pair.desk.db.transaction() as tx:
        assert await PostgresAccompaniments(tx, pair.desk.runtime.vault()).lock(UUID(pair.accompaniment_id))
        writing = asyncio.create_task(pair.ask("PUT", "/note", COUNCIL, {"text": CANARY}))
        while not await pair.desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        await erase(pair.desk)
    assert (await writing).json()["code"] == "person_erased"
    assert await pair.desk.rows("SELECT * FROM accompaniment_notes") == []
