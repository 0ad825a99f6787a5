"""Every step of the story on the referral's page, by the clock and by what other services tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from maillage_contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentHeld,
    AppointmentMissed,
    AppointmentPostponed,
    AppointmentProposed,
    EnrolmentConfirmed,
    EnrolmentEndedEarly,
    EnrolmentRequested,
    EnrolmentSeatHeld,
    EnrolmentWaitlisted,
    Event,
    Routing,
)

Desk = Any
Pair = Any
ASSOCIATION, COUNCIL, EMPLOYMENT, TRAINING = UUID(int=0xA1), UUID(int=0xC1), UUID(int=0xF1), UUID(int=0xD1)
SUBJECT = UUID(int=0x51)
APPOINTMENT, ENROLMENT = UUID(int=0xAA), UUID(int=0xEE)
THEME = "numerique--maitriser-les-fondamentaux-du-numerique"
E = TypeVar("E", bound=Event)


class Others:
    """What registration and training tell of one accompaniment, an hour apart."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.versions: dict[UUID, int] = {}

    async def tell(self, of: type[E], aggregate: UUID, *, training: bool = False, **fields: Any) -> E:
        self.pair.desk.clock.advance(timedelta(hours=1))
        version = self.versions[aggregate] = self.versions.get(aggregate, 0) + 1
        routing = Routing(
            commune="93048", referrer_organisation_id=ASSOCIATION, receiver_organisation_id=COUNCIL,
            sender_kind="association", employment_organisation_id=EMPLOYMENT,
            training_organisation_id=TRAINING if training else None,
        )  # fmt: skip
        about: dict[str, Any] = {
            "aggregate_version": version, "accompaniment_id": self.pair.accompaniment_id, "subject_ref": SUBJECT,
            "referral_id": self.pair.referral_id, "routing": routing,
        }  # fmt: skip
        event = of(**about, **fields)
        await self.pair.desk.hear(event)
        return event

    async def appointment(self, of: type[E], id_: UUID = APPOINTMENT, **fields: Any) -> E:
        return await self.tell(of, id_, appointment_id=id_, **fields)

    async def enrolment(self, of: type[E], action_id: str, session_id: str, id_: UUID = ENROLMENT, **fields: Any) -> E:
        return await self.tell(
            of, id_, training=True, enrolment_id=id_, session_id=session_id, action_id=action_id,
            starts_at=self.now + timedelta(days=30), **fields,
        )  # fmt: skip

    @property
    def now(self) -> datetime:
        now: datetime = self.pair.desk.clock.now()
        return now

    async def first_appointment(self) -> None:
        """Proposed, booked, postponed, booked again."""
        dates = tuple(self.now + timedelta(days=n) for n in (7, 8, 9))
        await self.appointment(
            AppointmentProposed, organiser_organisation_id=COUNCIL, modality="in_person", options=dates,
            duration_minutes=45, proposed_at=self.now,
        )  # fmt: skip
        await self.book(dates[0])
        await self.appointment(AppointmentPostponed, previous_starts_at=dates[0])
        await self.book(dates[1])

    async def book(self, starts_at: datetime) -> None:
        await self.appointment(
            AppointmentBooked, organiser_organisation_id=COUNCIL, modality="in_person", starts_at=starts_at,
            duration_minutes=45, booked_at=self.now,
        )  # fmt: skip


async def history(pair: Pair, by: UUID = ASSOCIATION) -> list[tuple[str, str]]:
    steps = (await pair.desk.read(pair.referral_id, by)).json()["history"]
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
    return [(step["status"], step["by"]) for step in steps]


BEFORE = [
    ("submitted", "referrer"), ("received", "receiver"), ("under_review", "receiver"), ("accepted", "receiver"),
    ("identified", "registration"), ("accompaniment_proposed", "receiver"),
]  # fmt: skip


async def test_association_reads_the_whole_story_in_order(pair: Pair) -> None:
    pair.desk.clock.advance(timedelta(hours=1))
    await pair.activate()
    session_id = str(uuid4())
    action = {"kind": "training", "theme": THEME, "assigned_to": "person", "session_id": session_id}
    pair.desk.clock.advance(timedelta(hours=1))
    plan = (await pair.put("plan", version=0, goals=[], actions=[action]))["plan"]
    others, action_id = Others(pair), plan["actions"][0]["action_id"]
    await others.first_appointment()
    await others.appointment(AppointmentHeld, held_at=others.now)
    await others.enrolment(EnrolmentRequested, action_id, session_id, requested_at=others.now)
    await others.enrolment(EnrolmentSeatHeld, action_id, session_id, held_at=others.now)
    await others.enrolment(EnrolmentConfirmed, action_id, session_id, confirmed_at=others.now)
    pair.desk.clock.advance(timedelta(hours=1))
    await pair.do("end", EMPLOYMENT, {"reason": "employment"})

    assert await history(pair) == [
        *BEFORE, ("accompaniment_accepted", "receiver"), ("accompaniment_active", "employment_service"),
        ("appointment_proposed", "registration"), ("appointment_booked", "registration"),
        ("appointment_postponed", "registration"), ("appointment_booked", "registration"),
        ("appointment_held", "registration"), ("enrolment_requested", "training"), ("enrolment_seat_held", "training"),
        ("enrolment_confirmed", "training"), ("accompaniment_ended", "employment_service"),
    ]  # fmt: skip
    assert await history(pair, COUNCIL) == await history(pair)
    dossier = (await pair.desk.read(pair.referral_id)).json()
    assert dossier["accompaniment"]["status"] == "ended"
    assert dossier["accompaniment"]["accompaniment_id"] == pair.accompaniment_id
    assert dossier["accompaniment"]["employment_service"]["code"] == "ft93"
    assert [bool(one["starts_at"]) for one in dossier["history"] if "starts_at" in one] == [
        False, False, False, False, True, False, True, False, False, False, True, False
    ]  # fmt: skip


async def test_two_postponements_leave_dates_and_nothing_else(pair: Pair) -> None:
    await pair.activate()
    others = Others(pair)
    await others.first_appointment()
    second = others.now + timedelta(days=10)
    await others.appointment(AppointmentPostponed, previous_starts_at=others.now + timedelta(days=8))
    (appointment,) = (await pair.read(EMPLOYMENT))["appointments"]
    assert (appointment["status"], appointment["starts_at"]) == ("postponed", None)
    await others.book(second)

    document = await pair.read(EMPLOYMENT)
    assert document["appointments"] == [{
        "appointment_id": str(APPOINTMENT), "status": "booked", "modality": "in_person",
        "starts_at": second.isoformat().replace("+00:00", "Z"),
    }]  # fmt: skip
    for by in (ASSOCIATION, COUNCIL):
        steps = (await pair.desk.read(pair.referral_id, by)).json()["history"]
        postponed = [step for step in steps if step["status"] == "appointment_postponed"]
        assert len(postponed) == 2
        for step in postponed:
            assert set(step) == {"at", "status", "by", "organisation_name", "starts_at"}
            assert (step["by"], step["organisation_name"], step["starts_at"]) == ("registration", None, None)
    rows = await pair.desk.rows("SELECT * FROM story_steps WHERE step = 'appointment_postponed'")
    kept = {name for row in rows for name, value in row.items() if value is not None}
    assert kept == {"event_id", "referral_id", "accompaniment_id", "aggregate_id", "version", "at", "step", "by"}


async def test_absence_is_for_the_council_and_nobody_else(pair: Pair) -> None:
    await pair.activate()
    others = Others(pair)
    await others.first_appointment()
    await others.appointment(AppointmentMissed, missed_at=others.now)
    await others.enrolment(EnrolmentEndedEarly, str(uuid4()), str(uuid4()), how="no_show", ended_at=others.now)
    absences = {("appointment_missed", "registration"), ("enrolment_ended_early", "training")}
    assert absences & set(await history(pair, ASSOCIATION)) == set()
    assert absences <= set(await history(pair, COUNCIL))
    assert "no_show" not in (await pair.desk.read(pair.referral_id, COUNCIL)).text
    assert (await pair.read())["appointments"][0]["status"] == "missed"


async def test_who_cancelled_is_not_shown(pair: Pair) -> None:
    await pair.activate()
    await Others(pair).appointment(AppointmentCancelled, cancelled_by="person", cancelled_at=pair.desk.clock.now())
    read = await pair.desk.read(pair.referral_id)
    assert read.json()["history"][-1] | {"at": ""} == {
        "at": "", "status": "appointment_cancelled", "by": "registration", "organisation_name": None, "starts_at": None
    }  # fmt: skip


async def test_training_action_shows_where_its_enrolment_stands(pair: Pair) -> None:
    await pair.activate()
    session_id = str(uuid4())
    action = {"kind": "training", "theme": THEME, "assigned_to": "person", "session_id": session_id}
    step = {"kind": "step", "theme": THEME, "assigned_to": "council"}
    plan = (await pair.put("plan", version=0, goals=[], actions=[action, step]))["plan"]
    assert [one["enrolment"] for one in plan["actions"]] == [None, None]
    others, action_id = Others(pair), plan["actions"][0]["action_id"]
    await others.enrolment(EnrolmentRequested, action_id, session_id, requested_at=others.now)
    heard = await others.enrolment(EnrolmentWaitlisted, action_id, session_id, rank=2, waitlisted_at=others.now)

    shown = [one["enrolment"] for one in (await pair.read(EMPLOYMENT))["plan"]["actions"]]
    assert shown == [
        {"enrolment_id": str(ENROLMENT), "status": "waitlisted", "rank": 2,
         "starts_at": heard.starts_at.isoformat().replace("+00:00", "Z")},
        None,
    ]  # fmt: skip


async def test_step_told_twice_or_before_its_referral_is_kept_once(pair: Pair) -> None:
    others = Others(pair)
    event = AppointmentHeld(
        appointment_id=APPOINTMENT, accompaniment_id=uuid4(), referral_id=uuid4(), subject_ref=SUBJECT,
        aggregate_version=4, held_at=others.now,
        routing=Routing(
            commune="93048", referrer_organisation_id=ASSOCIATION, receiver_organisation_id=COUNCIL,
            sender_kind="association",
        ),
    )  # fmt: skip
    event_id = uuid4()
    for _ in range(2):
        await pair.desk.hear(event, event_id=event_id)
    assert len(await pair.desk.rows("SELECT * FROM story_steps WHERE event_id = $1", event_id)) == 1


def terms(events: list[Any]) -> list[str]:
    return [getattr(one, "term", type(one).__name__) for one in events if "Due" in type(one).__name__]


async def test_six_weeks_without_both_answers_are_told_once(pair: Pair) -> None:
    await pair.do("acceptance", COUNCIL)
    proposed_at = pair.desk.clock.now()
    pair.desk.clock.advance(timedelta(weeks=6) - timedelta(seconds=1))
    await pair.desk.time_passes()
    assert terms(await pair.told()) == []
    pair.desk.clock.advance(timedelta(seconds=30))
    await pair.desk.time_passes()
    await pair.desk.time_passes()
    (event,) = [one for one in await pair.told() if "Due" in type(one).__name__]
    assert (event.term, event.due_at) == ("orientation", proposed_at + timedelta(weeks=6))
    # A term asks nothing of anybody: the answer is as good as before.
    assert (await pair.do("acceptance", EMPLOYMENT))["status"] == "active"


async def test_contract_and_diagnosis_come_due_and_a_review_renews(pair: Pair) -> None:
    pair.desk.clock.advance(timedelta(weeks=2))
    await pair.activate()
    pair.desk.clock.advance(timedelta(days=31))
    await pair.desk.time_passes()
    assert terms(await pair.told()) == ["contract"]
    assert (await pair.read())["status"] == "active"
    pair.desk.clock.advance(timedelta(days=340))
    await pair.desk.time_passes()
    assert terms(await pair.told()) == ["contract", "joint_diagnosis", "AccompanimentReviewDue"]
    due = await pair.read(EMPLOYMENT)
    assert (due["status"], due["allowed"]) == ("review_due", ["end", "review", "plan", "note"])
    assert due["waiting_for_me"]
    assert (await pair.do("review", EMPLOYMENT))["status"] == "active"
    assert [(one["status"], one["by"]) for one in (await pair.read())["history"]][-2:] == [
        ("review_due", "system"), ("reviewed", "employment_service"),
    ]  # fmt: skip
    # What the two owe each other is not a step of the person's story.
    assert (await history(pair))[-1] == ("accompaniment_active", "employment_service")
    pair.desk.clock.advance(timedelta(days=366))
    await pair.desk.time_passes()
    assert (await pair.read())["status"] == "review_due"


async def test_ended_accompaniment_has_no_terms_left(pair: Pair) -> None:
    await pair.activate()
    assert {row["kind"] for row in await pair.desk.rows("SELECT kind FROM timers")} == {
        "accompaniment-contract", "accompaniment-joint-diagnosis"
    }  # fmt: skip
    await pair.do("end", COUNCIL, {"reason": "tier_change"})
    told = len(await pair.told())
    pair.desk.clock.advance(timedelta(days=400))
    await pair.desk.time_passes()
    assert len(await pair.told()) == told
