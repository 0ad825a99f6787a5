"""Who is told what, once: the person, the association, the council, the employment service, the training provider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from maillage_contracts import (
    AccompanimentAccepted,
    AccompanimentActivated,
    AccompanimentProposed,
    AccompanimentTermDue,
    AppointmentCancelled,
    AppointmentPostponed,
    AppointmentProposed,
    EnrolmentConfirmed,
    EnrolmentSeatHeld,
    EnrolmentSeatOffered,
    EnrolmentWaitlisted,
    NoticeSent,
    ReferralAccepted,
    ReferralDeclined,
    ReferralExpired,
    ReferralOverdue,
    ReferralSubmitted,
)

Desk = Any

ASSOCIATION, COUNCIL, EMPLOYMENT, TRAINING, PERSON = (
    f"{name}@exemple.test" for name in ("asso1", "cd93", "ft93", "of93", "camille")
)
TUESDAY = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)
"""Two in the afternoon in Paris."""


async def test_booked_appointment_is_told_in_plain_words_with_a_link_a_telephone_and_an_address(desk: Desk) -> None:
    event = desk.booked(TUESDAY)
    await desk.tell(event)

    (text,) = desk.post.texts(PERSON)
    assert "Bonjour Camille," in text
    assert "Votre rendez-vous est fixé au mardi 1er décembre à 14 h." in text
    assert "3 place du Marché, Montreuil" in text
    assert f"http://portail.test/rendez-vous/token-of-{event.appointment_id}" in text
    assert "01 99 00 00 00" in text
    assert "1 rue de ft93\n93000 Exemple" in text
    (asked, appointments, purpose) = desk.neighbours.questions[0]
    assert (asked, appointments, purpose) == ([str(event.subject_ref)], [str(event.appointment_id)], "notice")
    assert len(desk.post.to(COUNCIL)) == len(desk.post.to(EMPLOYMENT)) == 1


async def test_person_who_prefers_english_is_written_to_in_english(desk: Desk) -> None:
    desk.knows(language="en")
    await desk.tell(desk.booked(TUESDAY))
    (text,) = desk.post.texts(PERSON)
    assert "Your appointment is booked for Tuesday 1 December at 2 pm." in text


async def test_second_delivery_tells_nobody_twice(desk: Desk) -> None:
    sources = await desk.deliver(desk.booked(TUESDAY))
    await desk.send()
    before = [await desk.rows(f"SELECT * FROM {table}") for table in ("notices", "deliveries", "outbox")]

    await desk.deliver(*sources, *sources)
    await desk.send()

    assert [await desk.rows(f"SELECT * FROM {table}") for table in ("notices", "deliveries", "outbox")] == before
    assert set(desk.post.handed_over.values()) == {1}


async def test_same_fact_under_another_event_id_tells_nobody_twice(desk: Desk) -> None:
    event = desk.booked(TUESDAY)
    await desk.tell(event, event)
    assert len(desk.post.to(PERSON)) == 1
    states = await desk.states()
    # Nobody is told a date that they were told last.
    assert states["appointment_booked"] == ["sent"]
    assert states["appointment_moved"] == ["suppressed(duplicate)"]
    assert states["appointment_booked_parties"] == ["sent", "sent", "suppressed(duplicate)", "suppressed(duplicate)"]


async def test_redone_work_makes_the_same_ids(desk: Desk) -> None:
    sources = await desk.deliver(desk.booked(TUESDAY))
    first = await desk.rows("SELECT notice_id FROM notices ORDER BY notice_id")
    async with desk.db.transaction() as tx:
        await tx.execute("TRUNCATE notices, deliveries, outbox, inbox")
    await desk.deliver(*sources)
    assert await desk.rows("SELECT notice_id FROM notices ORDER BY notice_id") == first


async def test_reminder_comes_the_day_before_at_ten_by_text_message(desk: Desk) -> None:
    await desk.tell(desk.booked(TUESDAY))
    assert desk.neighbours.texts == {}

    await desk.later(days=5, hours=18, minutes=59)
    assert desk.neighbours.texts == {}
    await desk.later(minutes=1)

    (text,) = desk.neighbours.texts.values()
    assert (text["to"], text["sender"]) == ("+33639980000", "Maillage")
    assert text["text"].startswith("Rappel : vous avez rendez-vous mardi 1er décembre à 14 h.")
    assert len(desk.post.to(PERSON)) == 1


async def test_reminder_of_an_appointment_of_the_next_morning_is_not_sent(desk: Desk) -> None:
    await desk.tell(desk.booked(datetime(2026, 11, 25, 9, 0, tzinfo=UTC)))
    assert (await desk.states())["appointment_reminder"] == ["suppressed(stale)"]
    assert len(desk.post.to(PERSON)) == 1


async def test_reminder_is_never_sent_after_its_appointment(desk: Desk) -> None:
    await desk.tell(desk.booked(TUESDAY))
    desk.neighbours.registration_away = True
    await desk.later(days=6)  # past ten o'clock of the day before
    assert (await desk.states())["appointment_reminder"] == ["requested"]
    desk.clock.advance(TUESDAY - desk.clock.now())
    desk.neighbours.registration_away = False
    await desk.later()

    assert (await desk.states())["appointment_reminder"] == ["suppressed(stale)"]
    assert desk.neighbours.texts == {}


async def test_two_postponements_leave_one_reminder_and_two_dates(desk: Desk) -> None:
    id_ = uuid4()
    dates = [TUESDAY + timedelta(days=n) for n in (0, 7, 8)]
    await desk.tell(desk.booked(dates[0], id_))
    for before, after in pairwise(dates):
        postponed = desk.event(AppointmentPostponed, id_, previous_starts_at=before)
        await desk.tell(postponed, desk.booked(after, id_))
        await desk.later(hours=24)

    states = await desk.states()
    assert states["appointment_postponed"] == ["superseded", "superseded"]
    assert states["appointment_moved"] == ["sent", "sent"]
    assert states["appointment_reminder"] == ["superseded", "superseded", "requested"]
    subjects = [str(message["Subject"]) for message in desk.post.to(PERSON)]
    assert subjects == ["Votre rendez-vous est fixé", *["Votre rendez-vous a une nouvelle date"] * 2]
    assert "mercredi 9 décembre à 14 h" in desk.post.texts(PERSON)[-1]

    await desk.later(days=12)
    (text,) = desk.neighbours.texts.values()
    assert "mercredi 9 décembre" in text["text"]


async def test_postponed_without_another_date_is_told_after_a_minute(desk: Desk) -> None:
    id_ = uuid4()
    await desk.tell(desk.booked(TUESDAY, id_))
    postponed = desk.event(AppointmentPostponed, id_, previous_starts_at=TUESDAY)
    desk.knows(appointment=postponed)
    await desk.tell(postponed)
    assert len(desk.post.to(PERSON)) == 1

    await desk.later(minutes=1)

    text = desk.post.texts(PERSON)[1]
    assert "Votre rendez-vous du mardi 1er décembre à 14 h n’a plus lieu à cette date." in text
    assert "Cela n’a aucune conséquence." in text
    assert (await desk.states())["appointment_reminder"] == ["superseded"]


async def test_back_to_the_first_date_is_told_once_the_person_heard_that_it_was_off(desk: Desk) -> None:
    id_ = uuid4()
    await desk.tell(desk.booked(TUESDAY, id_))
    postponed = desk.event(AppointmentPostponed, id_, previous_starts_at=TUESDAY)
    desk.knows(appointment=postponed)
    await desk.tell(postponed)
    await desk.later(minutes=2)
    await desk.tell(desk.booked(TUESDAY, id_))
    assert [str(m["Subject"]) for m in desk.post.to(PERSON)][-1] == "Votre rendez-vous a une nouvelle date"
    assert len(desk.post.to(PERSON)) == 3


async def test_cancelled_appointment_takes_its_reminder_back_and_says_so(desk: Desk) -> None:
    id_ = uuid4()
    await desk.tell(desk.booked(TUESDAY, id_))
    cancelled = desk.event(AppointmentCancelled, id_, cancelled_by="service")
    desk.knows(appointment=cancelled, meeting={"status": "cancelled_by_service"})
    await desk.tell(cancelled)
    assert "Nous ne pouvons pas vous recevoir à la date prévue." in desk.post.texts(PERSON)[1]

    await desk.later(days=7)
    assert desk.neighbours.texts == {}


async def test_offered_dates_are_listed(desk: Desk) -> None:
    proposed = desk.event(AppointmentProposed, options=(TUESDAY, TUESDAY + timedelta(days=1, minutes=30)))
    desk.knows(appointment=proposed)
    await desk.tell(proposed)
    (text,) = desk.post.texts(PERSON)
    assert "- mardi 1er décembre à 14 h\n- mercredi 2 décembre à 14 h 30\n" in text


async def test_referral_and_its_answers_are_told_to_council_and_association(desk: Desk) -> None:
    id_ = uuid4()
    await desk.tell(desk.event(ReferralSubmitted, id_))
    (text,) = desk.post.texts(COUNCIL)
    assert "Une orientation vous est adressée par Association exemple." in text
    assert "Commune de la personne : Montreuil" in text
    assert f"http://portail.test/orientations/{id_}" in text

    await desk.tell(desk.event(ReferralAccepted, id_))
    assert "acceptée par Département exemple" in desk.post.texts(ASSOCIATION)[0]
    await desk.tell(desk.event(ReferralDeclined, declined_by="provider"))
    assert "Votre orientation ne peut pas être acceptée." in desk.post.texts(ASSOCIATION)[1]
    assert desk.neighbours.questions == [], "nobody asks who somebody is to write to an organisation"


async def test_silence_is_told_to_who_leads_the_council_then_to_the_association(desk: Desk) -> None:
    id_ = uuid4()
    await desk.tell(desk.event(ReferralOverdue, id_))
    assert "personne qui dirige l’équipe" in desk.post.texts(COUNCIL)[0]
    await desk.tell(desk.event(ReferralExpired, id_))
    text = desk.post.texts(ASSOCIATION)[0]
    assert "Ce n’est pas un refus." in text
    assert "- envoyer une nouvelle orientation," in text


async def test_notice_that_is_no_longer_true_is_not_sent(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=1))
    await desk.post.close()
    id_ = uuid4()
    await desk.tell(desk.event(ReferralSubmitted, id_))
    await desk.deliver(desk.event(ReferralAccepted, id_))
    await desk.post.open()
    await desk.later(minutes=1)
    assert desk.post.to(COUNCIL) == []
    assert await desk.told_kinds("referral_submitted") == ["NoticeSuperseded"]


async def test_joint_accompaniment_is_told_to_each_but_to_nobody_what_they_did(desk: Desk) -> None:
    id_, council, employment = uuid4(), UUID(int=0xC1), UUID(int=0xE1)
    desk.knows()
    await desk.tell(desk.event(AccompanimentProposed, id_, proposed_by=council))
    assert [str(m["Subject"]) for m in desk.post.to(EMPLOYMENT)] == ["Un accompagnement global vous est proposé"]
    await desk.tell(desk.event(AccompanimentAccepted, id_, accepted_by=employment))
    assert [str(m["Subject"]) for m in desk.post.to(COUNCIL)] == ["Il reste votre accord"]
    await desk.tell(desk.event(AccompanimentActivated, id_, accepted_by=council))

    assert [str(m["Subject"]) for m in desk.post.to(EMPLOYMENT)][1:] == ["L’accompagnement global commence"]
    assert len(desk.post.to(COUNCIL)) == 1
    assert [str(m["Subject"]) for m in desk.post.to(ASSOCIATION)] == ["Un accompagnement global commence"]
    (text,) = desk.post.texts(PERSON)
    assert "- Département exemple\n- Agence exemple\n" in text


async def test_council_that_agrees_first_is_not_told_to_agree(desk: Desk) -> None:
    await desk.tell(desk.event(AccompanimentAccepted, accepted_by=UUID(int=0xC1)))
    assert desk.post.kept == {}


async def test_terms_are_told_to_both_in_the_words_of_the_term(desk: Desk) -> None:
    await desk.tell(desk.event(AccompanimentTermDue, term="contract"))
    await desk.tell(desk.event(AccompanimentTermDue, term="joint_diagnosis"))
    (council,), (employment,) = desk.post.texts(COUNCIL), desk.post.texts(EMPLOYMENT)
    assert "C’est le moment de signer le contrat avec la personne." in council
    assert "Six semaines" not in employment


async def test_training_is_told_to_the_provider_and_to_the_person_by_both_ways(desk: Desk) -> None:
    desk.knows()
    id_, starts_at = uuid4(), datetime(2027, 1, 12, 8, 30, tzinfo=UTC)
    await desk.tell(desk.event(EnrolmentSeatHeld, id_, starts_at=starts_at))
    assert "Une place est gardée dans votre session du mardi 12 janvier 2027" in desk.post.texts(TRAINING)[0]
    await desk.tell(desk.event(EnrolmentConfirmed, id_, starts_at=starts_at))

    assert "Elle commence mardi 12 janvier 2027 à 9 h 30." in desk.post.texts(PERSON)[0]
    (text,) = desk.neighbours.texts.values()
    assert "La session commence mardi 12 janvier 2027 à 9 h 30." in text["text"]
    states = await desk.states()
    assert (states["enrolment_confirmed"], states["enrolment_confirmed_sms"]) == (["sent"], ["sent"])


async def test_waiting_list_then_an_offer_that_is_too_late_to_tell(desk: Desk) -> None:
    desk.knows()
    id_ = uuid4()
    await desk.tell(desk.event(EnrolmentWaitlisted, id_, rank=3))
    assert "en position 3" in desk.post.texts(PERSON)[0]

    desk.neighbours.registration_away = True
    await desk.tell(desk.event(EnrolmentSeatOffered, id_, expires_at=desk.clock.now() + timedelta(hours=2)))
    desk.neighbours.registration_away = False
    await desk.later(hours=2)

    assert (await desk.states())["seat_offered"] == ["suppressed(stale)"]
    assert desk.neighbours.texts == {}


async def test_what_is_told_follows_the_contract_and_the_story(desk: Desk) -> None:
    (source,) = await desk.deliver(desk.event(ReferralSubmitted))
    await desk.send()
    headers = dict(source.headers)
    (told,) = await desk.told()
    assert isinstance(told.event, NoticeSent)
    assert told.event.organisation_id == UUID(int=0xC1)
    assert (told.event.channel, told.event.audience, told.event.aggregate_version) == ("email", "council", 2)
    assert str(told.envelope.correlation_id) == headers["ce_correlationid"].decode()
    assert str(told.envelope.causation_id) == headers["ce_id"].decode()
