"""A council and an employment service agree, each for itself; nobody else learns that the accompaniment exists."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest

from chassis.audit import verify
from chassis.testing.events import source_of_event
from maillage_contracts import PersonErased, type_of
from referrals.adapters.accompaniments import PostgresAccompaniments
from referrals.adapters.postgres import PostgresReferrals
from referrals.domain.accompaniment import Accompaniment
from referrals.domain.accompaniment_status import Side
from referrals.domain.referral import Parties

Desk = Any
Pair = Any
Propose = Callable[..., Coroutine[Any, Any, Any]]
ASSOCIATION, COUNCIL, OTHER_COUNCIL = UUID(int=0xA1), UUID(int=0xC1), UUID(int=0xC2)
EMPLOYMENT, OTHER_EMPLOYMENT = UUID(int=0xF1), UUID(int=0xF2)
SUBJECT = UUID(int=0x51)
SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__.removeprefix("Accompaniment") for event in events]


async def test_both_agree_and_the_accompaniment_is_active(pair: Pair) -> None:
    proposed = await pair.read(EMPLOYMENT)
    assert (proposed["status"], proposed["accepted_by"], proposed["side"]) == ("proposed", [], "employment_service")
    assert proposed["allowed"] == ["acceptance", "refusal", "note"]
    assert proposed["waiting_for_me"]
    pair.desk.clock.advance(timedelta(hours=1))
    first = await pair.do("acceptance", EMPLOYMENT)
    assert (first["status"], first["accepted_by"]) == ("accepted_by_one", [str(EMPLOYMENT)])
    assert (first["allowed"], first["waiting_for_me"]) == (["note"], False)
    pair.desk.clock.advance(timedelta(hours=1))
    second = await pair.do("acceptance", COUNCIL)

    assert (second["status"], second["accepted_by"]) == ("active", [str(COUNCIL), str(EMPLOYMENT)])
    assert second["allowed"] == ["end", "plan", "note"]
    assert second["person"]["last_name"] == "Exemple"
    assert second["employment_service"]["name"] == "Agence exemple"
    assert [(one["status"], one["by"], one["organisation_name"]) for one in second["history"]] == [
        ("proposed", "council", "Département exemple"),
        ("accepted_by_one", "employment_service", "Agence exemple"),
        ("active", "council", "Département exemple"),
    ]
    events = await pair.told()
    assert names(events) == ["Proposed", "Accepted", "Activated"]
    assert [event.aggregate_version for event in events] == [1, 2, 3]
    assert (events[0].proposed_by, events[1].accepted_by, events[2].accepted_by) == (COUNCIL, EMPLOYMENT, COUNCIL)


async def test_accompaniment_is_part_of_the_referrals_story(pair: Pair) -> None:
    await pair.activate()
    envelopes = [one.envelope for one in await pair.desk.outbox()]
    assert len({envelope.correlation_id for envelope in envelopes}) == 1
    assert UUID(int=0xCC) not in {envelope.correlation_id for envelope in envelopes}
    assert str(envelopes[0].correlation_id) not in json.dumps(await pair.read())
    for event in await pair.told():
        assert (str(event.referral_id), event.subject_ref) == (pair.referral_id, SUBJECT)
        routing = event.routing
        assert (routing.referrer_organisation_id, routing.receiver_organisation_id) == (ASSOCIATION, COUNCIL)
        assert (routing.employment_organisation_id, routing.commune) == (EMPLOYMENT, "93048")


async def test_every_event_of_a_life_is_as_its_schema_says(pair: Pair) -> None:
    await pair.activate()
    await pair.put("plan", version=0, goals=[], actions=[])
    step = {"kind": "step", "theme": "numerique--acceder-a-une-connexion-internet", "assigned_to": "person"}
    training = {**step, "kind": "training", "session_id": str(uuid4()), "due_on": "2026-04-30"}
    await pair.put("plan", version=0, goals=[], actions=[step, training])
    pair.desk.clock.advance(timedelta(days=370))
    await pair.desk.time_passes()
    await pair.do("review", EMPLOYMENT)
    await pair.do("end", COUNCIL, {"reason": "employment"})
    events = await pair.told()
    assert names(events) == [
        "Proposed", "Accepted", "Activated", "PlanChanged", "TermDue", "TermDue", "ReviewDue", "Reviewed", "Ended",
    ]  # fmt: skip
    assert [event.aggregate_version for event in events] == list(range(1, 10))
    for event in events:
        schema = json.loads((SCHEMAS / f"{type_of(event).removeprefix('fr.maillage.')}.schema.json").read_text())
        jsonschema.validate(json.loads(event.model_dump_json()), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("by", [COUNCIL, EMPLOYMENT])
async def test_either_side_refuses_and_another_may_be_proposed(pair: Pair, propose: Propose, by: UUID) -> None:
    await pair.do("acceptance", EMPLOYMENT if by == COUNCIL else COUNCIL)
    refused = await pair.do("refusal", by)
    assert (refused["status"], refused["allowed"]) == ("refused", [])
    (*_, event) = await pair.told()
    assert (names([event]), event.refused_by) == (["Refused"], by)
    assert await pair.desk.rows("SELECT * FROM timers") == []
    assert (await pair.ask("POST", "/acceptance", by)).status_code == 409
    assert (await propose(pair.desk, pair.referral_id, code="mission93")).status_code == 201


@pytest.mark.parametrize("over", ["refused", "ended_by_council", "ended_by_service"])
async def test_employment_service_no_longer_sees_who_it_was_once_it_is_over(pair: Pair, over: str) -> None:
    if over == "refused":
        await pair.do("refusal", EMPLOYMENT)
    else:
        await pair.activate()
        by = COUNCIL if over == "ended_by_council" else EMPLOYMENT
        await pair.do("end", by, {"reason": "employment"})
    seen = await pair.ask("GET", by=EMPLOYMENT)
    assert (seen.json()["person"], seen.json()["person_name"]) == (None, None)
    assert "Camille" not in seen.text
    listed = await pair.desk.http.get("/accompaniments", headers=pair.desk.bearer(EMPLOYMENT))
    assert listed.json()["items"][0]["person_name"] is None
    assert (await pair.read(COUNCIL))["person_name"] == "Camille Exemple"


@pytest.mark.parametrize("by", [COUNCIL, EMPLOYMENT])
async def test_either_side_ends_its_part(pair: Pair, by: UUID) -> None:
    await pair.activate()
    ended = await pair.do("end", by, {"reason": "partner_withdrew"})
    assert (ended["status"], ended["allowed"]) == ("ended", [])
    event = (await pair.told())[-1]
    assert (event.ended_by, event.reason) == (by, "partner_withdrew")
    assert await pair.desk.rows("SELECT * FROM timers") == []
    assert (await pair.ask("POST", "/end", by, {"reason": "moved"})).status_code == 409


BAD_ENDS: list[Any] = [{}, {"reason": "lazy"}, {"reason": None}, {"reason": "moved", "note": "x"}]


async def test_end_without_a_coded_reason_is_refused(pair: Pair, subtests: pytest.Subtests) -> None:
    await pair.activate()
    for body in BAD_ENDS:
        with subtests.test(body=body):
            assert (await pair.ask("POST", "/end", COUNCIL, body)).status_code == 422
    assert (await pair.read())["status"] == "active"


async def test_what_is_not_possible_now_is_a_conflict_and_tells_nothing(pair: Pair) -> None:
    for command, body in (("end", {"reason": "moved"}), ("review", {})):
        answer = await pair.ask("POST", f"/{command}", COUNCIL, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
        assert "accompagnement" in answer.json()["title"]
    await pair.do("acceptance", COUNCIL)
    assert (await pair.ask("POST", "/acceptance", COUNCIL)).status_code == 409
    assert (await pair.ask("POST", "/refusal", COUNCIL)).status_code == 409
    assert names(await pair.told()) == ["Proposed", "Accepted"]


COMMANDS: list[tuple[str, str, Any]] = [
    ("GET", "", None), ("POST", "/acceptance", {}), ("POST", "/refusal", {}), ("POST", "/review", {}),
    ("POST", "/end", {"reason": "moved"}), ("PUT", "/plan", {"version": 0, "goals": [], "actions": []}),
    ("PUT", "/note", {"text": "x"}),
]  # fmt: skip


async def test_third_organisation_cannot_tell_it_from_one_that_does_not_exist(
    pair: Pair, subtests: pytest.Subtests
) -> None:
    nobodys = type(pair)(pair.desk, pair.referral_id, str(uuid4()))
    for method, path, body in COMMANDS:
        for by in (OTHER_EMPLOYMENT, OTHER_COUNCIL):
            with subtests.test(method=method, path=path, by=by):
                stranger, nobody = await pair.ask(method, path, by, body), await nobodys.ask(method, path, by, body)
                assert (stranger.status_code, nobody.status_code) == (404, 404)
                assert stranger.json() == nobody.json()
        with subtests.test(method=method, path=path, by="association"):
            assert (await pair.ask(method, path, ASSOCIATION, body)).status_code == 403
    assert names(await pair.told()) == ["Proposed"]
    assert await pair.desk.rows("SELECT * FROM accompaniment_notes") == []


async def test_scope_makes_no_party_of_an_association(pair: Pair) -> None:
    headers = pair.desk.bearer(ASSOCIATION, scope="accompaniments:act referrals:read")
    url = f"/accompaniments/{pair.accompaniment_id}"
    assert (await pair.desk.http.get(url, headers=headers)).status_code == 404
    assert (await pair.desk.http.get("/accompaniments", headers=headers)).json()["items"] == []


async def test_only_an_accepted_referral_of_a_known_person_is_followed_up(desk: Desk, propose: Propose) -> None:
    early = await desk.submitted()
    answer = await propose(desk, early)
    assert (answer.status_code, answer.json()["code"]) == (409, "referral_not_accepted")
    unknown = await desk.accepted(identified=False)
    answer = await propose(desk, unknown)
    assert (answer.status_code, answer.json()["code"]) == (409, "person_not_identified")
    assert answer.headers["retry-after"] == "1"
    assert await desk.rows("SELECT * FROM accompaniments") == []


async def test_only_the_receiver_proposes(desk: Desk, propose: Propose) -> None:
    referral_id = await desk.accepted()
    for by in (EMPLOYMENT, OTHER_COUNCIL):
        answer = await propose(desk, referral_id, by=by)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await propose(desk, referral_id, by=ASSOCIATION)).status_code == 403
    assert (await propose(desk, str(uuid4()))).status_code == 404


async def test_employment_service_must_answer_where_the_person_lives(desk: Desk, propose: Propose) -> None:
    referral_id = await desk.accepted()
    for code in ("ftlyon", "cd93", "nobody", "x" * 33):
        answer = await propose(desk, referral_id, code=code)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["employment_service"]
    assert await desk.rows("SELECT * FROM accompaniments") == []


async def test_employment_services_of_a_commune_are_listed(desk: Desk) -> None:
    async def listed(commune: str, by: UUID = COUNCIL) -> Any:
        return await desk.http.get("/employment-services", params={"commune": commune}, headers=desk.bearer(by))

    items = (await listed("93048")).json()["items"]
    assert [item["code"] for item in items] == ["ft93", "mission93"]
    assert set(items[0]) == {"organisation_id", "code", "name", "phone", "postal_address"}
    assert [item["code"] for item in (await listed("69383")).json()["items"]] == ["ftlyon"]
    assert (await listed("2A004")).json() == {"items": []}
    assert (await listed("99999")).json()["code"] == "unknown_commune"
    assert (await listed("93048", by=ASSOCIATION)).status_code == 403


async def test_referral_has_one_open_accompaniment_at_most(pair: Pair, propose: Propose) -> None:
    answer = await propose(pair.desk, pair.referral_id, code="mission93")
    assert (answer.status_code, answer.json()["code"]) == (409, "accompaniment_exists")
    other = await pair.desk.accepted()
    answers = await asyncio.gather(*(propose(pair.desk, other) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_proposal_is_made_once_for_its_key(pair: Pair, propose: Propose) -> None:
    other = await pair.desk.accepted()
    first, again = await propose(pair.desk, other, key="one"), await propose(pair.desk, other, key="one")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert (await propose(pair.desk, other, code="mission93", key="one")).status_code == 422
    headers = pair.desk.bearer(COUNCIL)
    body = {"employment_service": "ft93"}
    missing = await pair.desk.http.post(f"/referrals/{other}/accompaniment", json=body, headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")


async def test_command_with_a_key_is_done_once_and_what_is_kept_names_nobody(pair: Pair) -> None:
    for _ in range(2):
        answer = await pair.ask("POST", "/acceptance", COUNCIL, {}, **{"idempotency-key": "one"})
        assert (answer.status_code, answer.json()["status"]) == (200, "accepted_by_one")
    assert names(await pair.told()) == ["Proposed", "Accepted"]
    kept = await pair.desk.rows("SELECT response::text AS response FROM idempotency_keys")
    assert not [row for row in kept if "Camille" in row["response"]]


async def test_acceptances_at_once_are_told_once(pair: Pair) -> None:
    answers = await asyncio.gather(*(pair.ask("POST", "/acceptance", by) for by in [COUNCIL, EMPLOYMENT] * 3))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409, 409, 409, 409]
    assert names(await pair.told()) == ["Proposed", "Accepted", "Activated"]


async def test_proposal_at_the_instant_of_an_erasure_comes_wholly_before_or_not_at_all(
    desk: Desk, propose: Propose
) -> None:
    referral_id = await desk.accepted()
    erased = PersonErased(subject_ref=SUBJECT, aggregate_version=2, erased_at=desk.clock.now())
    async with desk.db.transaction() as tx:
        # The proposal's first lock, held: it waits, and the erasure overtakes it.
        assert await PostgresReferrals(tx, desk.runtime.vault()).lock(UUID(referral_id)) is not None
        proposal = asyncio.create_task(propose(desk, referral_id))
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        await desk.persons().process([source_of_event(erased)])
    answer = await proposal
    assert (answer.status_code, answer.json()["code"]) == (409, "person_erased")
    assert await desk.rows("SELECT * FROM accompaniments") == []


async def test_erasure_that_comes_while_a_proposal_is_stored_takes_its_key_too(desk: Desk) -> None:
    referral_id = UUID(await desk.accepted())
    erased = PersonErased(subject_ref=SUBJECT, aggregate_version=2, erased_at=desk.clock.now())
    async with desk.runtime.db.transaction() as tx:
        accompaniments = PostgresAccompaniments(tx, desk.runtime.vault())
        subject_ref = await accompaniments.subject_of(referral_id)
        erasing = asyncio.create_task(desk.persons().process([source_of_event(erased)]))
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        proposed = Accompaniment(
            uuid4(), referral_id, uuid4(), subject_ref, Parties(ASSOCIATION, "association", COUNCIL), EMPLOYMENT,
            "93048", desk.clock.now(), desk.clock.now(),
        )  # fmt: skip
        await accompaniments.add(proposed, proposed.propose(Side.COUNCIL))
    await erasing
    assert len(await desk.rows("SELECT * FROM accompaniments")) == 1
    assert await desk.rows("SELECT * FROM accompaniment_keys") == []


async def test_lists_are_each_sides_own_complete_and_paged(desk: Desk, propose: Propose) -> None:
    made = []
    for n in range(5):
        desk.clock.advance(timedelta(seconds=n % 2))
        made.append((await propose(desk, await desk.accepted())).json()["accompaniment_id"])
    await desk.http.post(f"/accompaniments/{made[0]}/acceptance", headers=desk.bearer(EMPLOYMENT))
    for by in (COUNCIL, EMPLOYMENT):
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            params: dict[str, Any] = {"limit": 2, "after": cursor}
            part = (await desk.http.get("/accompaniments", params=params, headers=desk.bearer(by))).json()
            found += part["items"]
            cursor = part["cursor"]
        assert sorted(item["accompaniment_id"] for item in found) == sorted(made)
        assert [item["proposed_at"] for item in found] == sorted((i["proposed_at"] for i in found), reverse=True)
        waiting = {item["accompaniment_id"]: item["waiting_for_me"] for item in found}
        assert waiting == {one: by == COUNCIL or one != made[0] for one in made}
        assert {item["person_name"] for item in found} == {"Camille Exemple"}
    one = await desk.http.get("/accompaniments", params={"status": "accepted_by_one"}, headers=desk.bearer(COUNCIL))
    assert [item["accompaniment_id"] for item in one.json()["items"]] == [made[0]]
    for query in ({"limit": 101}, {"status": "lost"}, {"after": "x"}):
        bad = await desk.http.get("/accompaniments", params=query, headers=desk.bearer(COUNCIL))
        assert bad.status_code == 422
    empty = await desk.http.get("/accompaniments", headers=desk.bearer(OTHER_EMPLOYMENT))
    assert empty.json() == {"items": [], "cursor": None}


async def test_readings_are_audited_as_accompaniments(pair: Pair) -> None:
    await pair.desk.http.get("/accompaniments", headers=pair.desk.bearer(EMPLOYMENT))
    answer = await pair.ask("GET", by=EMPLOYMENT)
    assert answer.headers["cache-control"] == "no-store"
    await pair.ask("GET", by=OTHER_EMPLOYMENT)
    rows = await pair.desk.rows("SELECT * FROM audit WHERE record_kind = 'accompaniment' ORDER BY id")
    # The proposal's own answer showed the person too.
    assert [(row["organisation_id"], row["purpose"]) for row in rows] == [
        (COUNCIL, "accompaniments.read"), (EMPLOYMENT, "accompaniments.list"), (EMPLOYMENT, "accompaniments.read"),
    ]  # fmt: skip
    assert {str(row["record_id"]) for row in rows} == {pair.accompaniment_id}
    async with pair.desk.db.transaction() as tx:
        assert await verify(tx) is None
