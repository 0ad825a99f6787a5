"""Dates that are typed and dates that are shown: read as people write them, in the zone they are read in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from portal.domain import dates
from portal.domain.appointment import Appointment, arrange, pages_of
from portal.domain.dates import Offer, hour_of
from portal.domain.referral import Party

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
COUNCIL = Party("cd93", "Conseil de l’Exemple")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("14:05", "14:05"), ("14 h 05", "14:05"), ("14h", "14:00"), ("9", "09:00"), ("25:00", None), ("midi", None)],
)
def test_hour_is_read_as_fields_send_it_and_as_people_write_it(text: str, expected: str | None) -> None:
    read = hour_of(text)
    assert (read.strftime("%H:%M") if read else None) == expected


def offer(days: tuple[str, ...], hours: tuple[str, ...], **values: str) -> Offer:
    return Offer(days, hours, **{"modality": "in_person", "duration": "45", "place": "1 rue", **values})


def test_dates_are_sent_in_order_once_and_in_universal_time() -> None:
    typed = offer(("2026-12-02", "2026-07-01", "2026-12-02"), ("14:00", "14:00", "14:00"))
    assert dates.body(typed, PARIS)["options"] == ["2026-07-01T12:00:00Z", "2026-12-02T13:00:00Z"]


def test_each_date_says_what_is_wrong_with_it() -> None:
    def found(*typed: tuple[str, str]) -> list[tuple[str, str]]:
        rows = (*typed, *((("", ""),) * (3 - len(typed))))
        asked = offer(tuple(day for day, _ in rows), tuple(hour for _, hour in rows))
        return [(fault.field, fault.message) for fault in dates.date_faults(asked, PARIS, NOW)]

    assert found(("", "")) == [("day_1", "fault.date.missing")]
    assert found(("", "14:00"), ("2026-12-02", "")) == [("day_1", "fault.date.day"), ("day_2", "fault.date.hour")]
    assert found(("2026-11-24", "12:59")) == [("day_1", "fault.date.past")]
    assert found(("2027-11-26", "14:00")) == [("day_1", "fault.date.far")]
    assert found(("2026-12-02", "14:00"), ("02/12/2026", "14 h")) == [("day_2", "fault.date.twice")]
    assert found(("2026-12-02", "14:00"), ("", ""), ("2026-12-03", "9h")) == []


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({}, []), ({"modality": "phone", "place": ""}, []), ({"modality": "pigeon"}, ["modality"]),
        ({"place": ""}, ["place"]), ({"place": "x" * 201}, ["place"]), ({"duration": "4"}, ["duration"]),
        ({"duration": "une heure"}, ["duration"]), ({"modality": "video", "place": "le bureau"}, ["place"]),
        ({"modality": "video", "place": "https://visio.test"}, []),
    ],
)  # fmt: skip
def test_how_and_where_are_asked_for_as_far_as_they_are_needed(values: dict[str, str], fields: list[str]) -> None:
    found = dates.meeting_faults(offer(("",) * 3, ("",) * 3, **values), "le bureau")
    assert [fault.field for fault in found] == fields


def test_place_of_a_telephone_call_is_not_sent() -> None:
    assert dates.body(offer(("",) * 3, ("",) * 3, modality="phone"), PARIS)["place"] is None


def appointment(n: int, status: str, starts_at: datetime | None, *options: datetime, allowed: str = "") -> Appointment:
    return Appointment(
        UUID(int=n), None, status, starts_at, options, "phone", 45, "", "Camille", COUNCIL, tuple(allowed.split())
    )


def test_agenda_puts_first_what_is_past_and_nobody_answered_then_what_has_no_date() -> None:
    past, today = appointment(1, "booked", NOW - timedelta(hours=1)), appointment(2, "booked", NOW + timedelta(hours=1))
    old, held = appointment(3, "booked", NOW - timedelta(days=9)), appointment(4, "held", NOW - timedelta(hours=2))
    open_, postponed = appointment(5, "proposed", None), appointment(6, "postponed", NOW + timedelta(days=1))
    # 23:30 in universal time is the next day in Paris.
    late, far = appointment(7, "booked", datetime(2026, 11, 25, 23, 30, tzinfo=UTC)), NOW + timedelta(days=99)
    gone = appointment(8, "cancelled_by_person", None)
    found = (today, past, old, held, open_, postponed, late, appointment(9, "booked", far), gone)
    agenda = arrange(found, first=date(2026, 11, 24), last=date(2026, 12, 7), now=NOW, zone=PARIS)
    assert [one.appointment_id.int for one in agenda.unanswered] == [3, 1]
    assert [one.appointment_id.int for one in agenda.undated] == [5, 6]
    shown = [(day.day.isoformat(), [one.appointment_id.int for one in day.appointments]) for day in agenda.days]
    assert shown == [("2026-11-24", [4, 1, 2]), ("2026-11-26", [7])]


def test_today_is_in_the_agenda_even_when_it_is_empty() -> None:
    asked = {"now": NOW, "zone": PARIS}
    this = arrange((), first=date(2026, 11, 24), last=date(2026, 12, 7), **asked)  # type: ignore[arg-type]  # two types
    next_ = arrange((), first=date(2026, 12, 8), last=date(2026, 12, 21), **asked)  # type: ignore[arg-type]  # two types
    assert [len(day.appointments) for day in this.days] == [0]
    assert next_.days == ()


def test_acts_are_those_the_service_allows_and_a_date_is_noted_only_when_there_is_one() -> None:
    later = NOW + timedelta(days=1)
    assert pages_of(appointment(1, "booked", later, later, allowed="postponement cancellation"), NOW) == (
        "move", "cancellation",
    )  # fmt: skip
    proposed = "booking options cancellation"
    assert pages_of(appointment(1, "postponed", None, NOW, allowed=proposed), NOW) == ("dates", "cancellation")
    assert pages_of(appointment(1, "proposed", None, later, allowed=proposed), NOW)[0] == "booking"
    assert pages_of(appointment(1, "booked", NOW, allowed="holding absence"), NOW) == ("outcome",)
