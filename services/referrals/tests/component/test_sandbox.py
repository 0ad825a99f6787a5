"""The sandbox: fake people only, simulators that always answer alike, and never a step across to the real world."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.consumer import Processor
from chassis.directory import apply_organisations
from chassis.outbox import Doorbell
from chassis.testing.events import source_of_event
from maillage_contracts import OrganisationRegistered, ReferralDeclined, Territory
from maillage_contracts.sandbox import REFERS, SIMULATORS
from referrals.adapters.geography import OfficialPlaces
from referrals.adapters.organisations import DirectoryOrganisations

Desk = Any
FAKE_ASSOCIATION, FAKE_COUNCIL, FAKE_EMPLOYMENT = UUID(int=0x5A1), UUID(int=0x5C1), UUID(int=0x5E1)
COUNCIL, SERVICE = UUID(int=0xC1), UUID(int=0xE1)
SIMULATED = {one.code: UUID(int=0x5000 + n) for n, one in enumerate(SIMULATORS)}
FAKE = {"last_name": "Exemple", "phone": "06 39 98 00 01", "email": "camille@example.org"}


def organisation(id_: UUID, code: str, kind: str, at: Any, **places: tuple[str, ...]) -> OrganisationRegistered:
    territory = {"communes": (), "epcis": (), "departements": (), "collectivities": ()} | places
    return OrganisationRegistered(
        organisation_id=id_, aggregate_version=1, code=code, name=f"Exemple {code}", kind=kind, sandbox=True,
        phone="+33 1 99 00 00 00", postal_address="1 rue de l’Exemple", territory=Territory(**territory), changed_at=at,
    )  # fmt: skip


@pytest.fixture(name="sandbox")
async def sandbox_fixture(desk: Desk) -> Desk:
    """The desk, with organisations of the sandbox beside the real ones: a council of 93 in each world."""
    at = desk.clock.now()
    simulators = [
        organisation(SIMULATED[one.code], one.code, one.kind, at, communes=(one.commune,) if one.commune else ())
        for one in SIMULATORS
    ]
    others = [
        organisation(FAKE_ASSOCIATION, "assotest", "association", at),
        organisation(FAKE_COUNCIL, "cdtest", "council", at, collectivities=("93D",)),
        organisation(FAKE_EMPLOYMENT, "fttest", "employment_service", at, collectivities=("93D",)),
    ]
    async with desk.runtime.db.transaction() as tx:
        await apply_organisations(tx, [*simulators, *others])
    return desk


def bearer(desk: Desk, id_: UUID, kind: str = "association", scope: str = "referrals:write referrals:read") -> Any:
    return desk.issuer.bearer(id_, code="test", kind=kind, scope=scope, sandbox=True)


async def submit(desk: Desk, commune: str, **person: Any) -> Any:
    body = desk.body(commune=commune, person={**FAKE, **person})
    headers = {**bearer(desk, FAKE_ASSOCIATION), "idempotency-key": str(uuid4())}
    return await desk.http.post("/referrals", json=body, headers=headers)


async def history(desk: Desk, referral_id: str) -> list[str]:
    rows = await desk.rows("SELECT status FROM referral_history WHERE referral_id = $1 ORDER BY version", referral_id)
    return [row["status"] for row in rows]


async def test_registration_is_told_which_referrals_are_of_the_sandbox(sandbox: Desk) -> None:
    fake, real = (await submit(sandbox, "93048")).json()["referral_id"], await sandbox.submitted()
    headers = {**sandbox.bearer(SERVICE), "maillage-purpose": "identify-person"}
    asked = [("id", fake), ("id", real)]

    items = (await sandbox.http.get("/claims/referrals", params=asked, headers=headers)).json()["items"]

    assert {one["referral_id"]: one["sandbox"] for one in items} == {fake: True, real: False}


async def seconds_pass(desk: Desk, seconds: int) -> None:
    for _ in range(seconds):
        desk.clock.advance(timedelta(seconds=1))
        await desk.time_passes()


DOCUMENTED = {
    "98411": ["submitted", "received", "under_review", "accepted"],
    "98412": ["submitted", "received", "under_review", "declined"],
    "98413": ["submitted"],
    "98414": ["submitted", "overdue", "expired"],
}


async def test_simulators_answer_as_documented_when_a_minute_passes(sandbox: Desk) -> None:
    ids = {}
    for commune in DOCUMENTED:
        answer = await submit(sandbox, commune)
        assert answer.status_code == 201, answer.text
        assert answer.json()["council"]["code"].startswith("sim")
        ids[commune] = answer.json()["referral_id"]

    await seconds_pass(sandbox, 61)

    assert {commune: await history(sandbox, id_) for commune, id_ in ids.items()} == DOCUMENTED
    assert await sandbox.rows("SELECT kind FROM timers WHERE kind = 'referral-simulator'") == []
    assert {type(event).__name__ for event in await sandbox.events()} >= {"ReferralAccepted", "ReferralDeclined"}


async def test_silence_follows_the_usual_terms_when_the_simulator_says_nothing(sandbox: Desk) -> None:
    referral_id = (await submit(sandbox, "98413")).json()["referral_id"]

    sandbox.clock.advance(timedelta(days=10))
    await sandbox.time_passes()

    assert await history(sandbox, referral_id) == ["submitted", "overdue"]


async def test_simulator_stops_when_the_association_withdraws(sandbox: Desk) -> None:
    referral_id = (await submit(sandbox, "98411")).json()["referral_id"]
    answer = await sandbox.http.post(f"/referrals/{referral_id}/withdrawal", headers=bearer(sandbox, FAKE_ASSOCIATION))
    assert answer.status_code == 200

    await seconds_pass(sandbox, 5)

    assert await history(sandbox, referral_id) == ["submitted", "withdrawn"]


MAYBE_REAL = (
    ("person.last_name", {"last_name": "Martin"}),
    ("person.last_name", {"last_name": "Testard"}),
    ("person.phone", {"phone": "06 12 34 56 78"}),
    ("person.phone", {"phone": "+33 6 12 34 56 78"}),
    ("person.email", {"email": "camille@gmail.com"}),
    ("person.email", {"email": "camille@example.org.evil.com"}),
)


async def test_somebody_who_may_be_real_is_refused_when_sent_from_the_sandbox(sandbox: Desk) -> None:
    for field, person in MAYBE_REAL:
        answer = await submit(sandbox, "98411", **person)

        assert answer.status_code == 422, person
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await sandbox.events() == []


async def test_each_world_has_its_own_council_when_both_answer_for_one_commune(sandbox: Desk) -> None:
    fake = (await submit(sandbox, "93048")).json()
    real = (await sandbox.submit()).json()

    assert (fake["council"]["code"], real["council"]["code"]) == ("cdtest", "cd93")
    receivers = [event.routing.receiver_organisation_id for event in await sandbox.events()]
    assert receivers == [FAKE_COUNCIL, COUNCIL]


async def test_nobody_is_asked_when_only_a_real_council_answers(sandbox: Desk) -> None:
    answer = await submit(sandbox, "69383")

    assert (answer.status_code, answer.json()["code"]) == (422, "council_not_joined")


async def test_real_referral_to_a_simulated_commune_finds_no_council(sandbox: Desk) -> None:
    answer = await sandbox.submit(sandbox.body(commune="98411"))

    assert (answer.status_code, answer.json()["code"]) == (422, "council_not_joined")


async def accepted(desk: Desk, identify: Any) -> str:
    referral_id = str((await submit(desk, "93048")).json()["referral_id"])
    for command in ("receipt", "review", "acceptance"):
        headers = bearer(desk, FAKE_COUNCIL, "council", "referrals:answer")
        assert (await desk.http.post(f"/referrals/{referral_id}/{command}", headers=headers)).status_code == 200
    await desk.hear(identify(referral_id, desk.clock.now()))
    return referral_id


async def test_simulated_employment_services_answer_when_they_are_asked(sandbox: Desk, identify: Any) -> None:
    headers = bearer(sandbox, FAKE_COUNCIL, "council", "accompaniments:act")
    wanted = {"simemploioui": "accepted_by_one", "simemploinon": "refused", "simemploirien": "proposed"}
    ids = {}
    for code in wanted:
        answer = await sandbox.http.post(
            f"/referrals/{await accepted(sandbox, identify)}/accompaniment",
            json={"employment_service": code}, headers=headers | {"idempotency-key": str(uuid4())},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        ids[code] = UUID(answer.json()["accompaniment_id"])

    await seconds_pass(sandbox, 3)

    rows = await sandbox.rows("SELECT accompaniment_id, status FROM accompaniments")
    status = {row["accompaniment_id"]: row["status"] for row in rows}
    assert {code: status[id_] for code, id_ in ids.items()} == wanted


async def test_employment_services_of_the_own_world_are_listed_and_no_other_can_be_asked(
    sandbox: Desk, identify: Any
) -> None:
    headers = bearer(sandbox, FAKE_COUNCIL, "council", "accompaniments:act")
    listed = await sandbox.http.get("/employment-services", params={"commune": "93048"}, headers=headers)
    codes = [one["code"] for one in listed.json()["items"]]
    assert codes == ["fttest", "simemploinon", "simemploioui", "simemploirien"]
    real = await sandbox.http.get("/employment-services", params={"commune": "93048"}, headers=sandbox.bearer(COUNCIL))
    assert [one["code"] for one in real.json()["items"]] == ["ft93", "mission93"]

    url = f"/referrals/{await accepted(sandbox, identify)}/accompaniment"
    asked = await sandbox.http.post(
        url, json={"employment_service": "ft93"}, headers={**headers, "idempotency-key": str(uuid4())}
    )

    assert (asked.status_code, asked.json()["code"]) == (422, "unknown_employment_service")


async def heard(desk: Desk, *events: OrganisationRegistered) -> None:
    """Have the directory's own subscription read these, one batch each."""
    [subscription] = desk.runtime.directory.subscriptions()
    processor = Processor("referrals", subscription, desk.runtime.background_db, desk.clock, Doorbell())
    for event in events:
        await processor.process([source_of_event(event)])


DECLINE = {"reasons": ["not_eligible"], "declined_by": "provider", "shareable_with_person": True}
ANSWERS: tuple[tuple[tuple[str, Any], ...], ...] = (
    (("receipt", None), ("review", None), ("acceptance", None)),
    (("receipt", None), ("review", None), ("decline", DECLINE)),
)
"""An acceptance, and a refusal, as a council's program sends them."""


async def test_council_that_joins_the_sandbox_is_referred_one_person_whom_it_can_answer(desk: Desk) -> None:
    at, ids = desk.clock.now(), [UUID(int=0xD0000 + n) for n in range(3)]
    simulators = [organisation(UUID(int=0xD5), REFERS, "association", at)]
    simulators += [organisation(UUID(int=0xD6), "simaccepte", "council", at, communes=("98411",))]
    first = organisation(ids[0], "cdtest", "council", at, collectivities=("93D",))
    later = [organisation(ids[1], "villetest", "council", at, communes=("95127",))]
    later += [organisation(ids[2], "cdvrai", "council", at, departements=("75",)).model_copy(update={"sandbox": False})]
    later += [organisation(UUID(int=0xD7), "assotest", "association", at)]

    # The council is heard of before the simulator that serves it, the others after; and each of them twice.
    await heard(desk, first, *simulators, *later)
    await seconds_pass(desk, 2)
    await heard(desk, *(one.model_copy(update={"aggregate_version": 2}) for one in (first, *simulators, *later)))
    await seconds_pass(desk, 2)

    events = await desk.events()
    assert {type(event).__name__ for event in events} == {"ReferralSubmitted"}
    told = {event.routing.receiver_organisation_id: event.routing for event in events}
    assert len(events) == 2
    assert set(told) == {ids[0], ids[1]}
    assert {routing.referrer_organisation_id for routing in told.values()} == {UUID(int=0xD5)}
    assert (told[ids[0]].commune, told[ids[1]].commune) == ("93001", "95127")
    people = {}
    for id_ in ids[:2]:
        reader = bearer(desk, id_, "council", "referrals:read referrals:answer")
        [mine] = (await desk.http.get("/referrals", headers=reader)).json()["items"]
        referral = f"/referrals/{mine['referral_id']}"
        people[id_] = (await desk.http.get(referral, headers=reader)).json()["person"]
        for command, body in ANSWERS[id_ == ids[1]]:
            answer = await desk.http.post(f"{referral}/{command}", headers=reader, json=body)
            assert answer.status_code == 200, answer.text
        answered = (await desk.http.get(referral, headers=reader)).json()
        assert answered["status"] == ("declined" if id_ == ids[1] else "accepted")
        assert answered["person"] == people[id_]
        other = bearer(desk, ids[0] if id_ == ids[1] else ids[1], "council", "referrals:read referrals:answer")
        assert (await desk.http.get(referral, headers=other)).status_code == 404
    declined = [event for event in await desk.events() if isinstance(event, ReferralDeclined)]
    assert [event.routing.receiver_organisation_id for event in declined] == [ids[1]]
    assert all(one["last_name"].startswith("Exemple ") for one in people.values())
    assert len({(one["last_name"], one["birth_date"]) for one in people.values()}) == 2


COMMUNES = ("93048", "94028", "69123", "69264", "67482", "2A004", *(one.commune for one in SIMULATORS if one.commune))
PLACES = ("93D", "94D", "69M", "69D", "6AE", "20R", "984")
NUMBERS = ("93", "94", "69", "67", "2A")

directories = st.lists(
    st.tuples(
        st.sampled_from(["council", "employment_service"]),
        st.booleans(),
        st.sets(st.sampled_from(PLACES), max_size=3),
        st.sets(st.sampled_from(NUMBERS), max_size=2),
        st.sampled_from([None, *(one.code for one in SIMULATORS)]),
    ),
    max_size=8,
)
"""Kind, world, collectivities, départements; and a code that may be a simulator's, in either world."""


async def test_whoever_is_found_is_of_the_world_of_whoever_asks(sandbox: Desk) -> None:
    """For any directory: a real association meets no organisation of the sandbox, nor the reverse."""
    drawn: list[list[tuple[Any, ...]]] = []

    @settings(max_examples=40, deadline=None, database=None)
    @given(directories)
    def draw(directory: list[tuple[Any, ...]]) -> None:
        drawn.append(directory)

    draw()
    places, found = OfficialPlaces(), 0
    for number, directory in enumerate(drawn):
        async with sandbox.runtime.db.transaction() as tx:
            await tx.execute("DELETE FROM directory_organisations")
            events = [
                organisation(
                    UUID(int=number * 100 + n), code or f"org{n}", kind, sandbox.clock.now(),
                    collectivities=tuple(named), departements=tuple(numbers),
                ).model_copy(update={"sandbox": world})
                for n, (kind, world, named, numbers, code) in enumerate(directory)
            ]  # fmt: skip
            await apply_organisations(tx, events)
            world_of = {event.organisation_id: event.sandbox for event in events}
            organisations = DirectoryOrganisations(tx)
            for commune in COMMUNES:
                authority = places.authority_over(commune).code
                for asking in (False, True):
                    council = await organisations.council_for(authority, commune, sandbox=asking)
                    services = await organisations.employment_services(authority, sandbox=asking)
                    for one in [*([council] if council else []), *services]:
                        found += 1
                        assert world_of[one.organisation_id] is asking
                        assert asking or one.simulated is None
    assert found > 100


async def test_opening_is_told_within_the_sandbox_as_outside_it(sandbox: Desk) -> None:
    referral_id = (await submit(sandbox, "93048")).json()["referral_id"]
    scope = "referrals:answer referrals:read"

    async def opened_by(id_: UUID, **world: Any) -> tuple[int, list[str]]:
        headers = sandbox.issuer.bearer(id_, code="test", kind="council", scope=scope, sub=str(uuid4()), **world)
        answer = await sandbox.http.get(f"/referrals/{referral_id}", headers=headers)
        return answer.status_code, [type(event).__name__ for event in await sandbox.events()]

    assert await opened_by(COUNCIL) == (404, ["ReferralSubmitted"])
    assert await opened_by(FAKE_COUNCIL, sandbox=True) == (200, ["ReferralSubmitted", "ReferralOpened"])
