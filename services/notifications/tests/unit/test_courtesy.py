"""Nobody is written to at night, on a Sunday or on a holiday, by the clocks of the place where they live."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.adapters.places import PLACES, FrenchCalendar, name_of, phone_region
from notifications.domain.courtesy import CLOSES, OPENS, SUNDAY, Courtesy

MONTREUIL, STRASBOURG, METZ = "93048", "67482", "57463"
FORT_DE_FRANCE, SAINT_DENIS, CAYENNE, MAMOUDZOU, SAINT_PIERRE = "97209", "97411", "97302", "97608", "97502"
COURTESY = Courtesy(FrenchCalendar())
communes = st.sampled_from([MONTREUIL, STRASBOURG, METZ, *(f"{code}01"[:5] for code in PLACES if len(code) == 3)])
instants = st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001  # hypothesis wants naive bounds


@given(now=instants, commune=communes)
def test_decent_hour_is_decent_soon_and_stays_where_it_is(now: datetime, commune: str) -> None:
    found = COURTESY.decent_from(now, commune)
    local = COURTESY.local(found, commune)

    assert OPENS <= local.time() < CLOSES
    assert local.weekday() != SUNDAY
    assert not FrenchCalendar().is_holiday(local.date(), commune)
    assert now <= found < now + timedelta(days=5)
    assert COURTESY.decent_from(found, commune) == found


@given(now=instants, commune=communes)
def test_other_day_is_another_day(now: datetime, commune: str) -> None:
    found = COURTESY.decent_on_another_day(now, commune)
    assert COURTESY.local(found, commune).date() > COURTESY.local(now, commune).date()
    assert COURTESY.decent_from(found, commune) == found


@given(at=instants, commune=communes)
def test_reminder_is_before_and_on_an_open_day(at: datetime, commune: str) -> None:
    found = COURTESY.days_before(at, 1, time(10), commune)
    assert COURTESY.local(found, commune).date() < COURTESY.local(at, commune).date()
    assert COURTESY.local(found, commune).time() == time(10)
    assert COURTESY.decent_from(found, commune) == found


@pytest.mark.parametrize(
    ("now", "commune", "decent"),
    [
        # Tuesday in winter: Paris is one hour ahead.
        ("2026-03-03T18:59", MONTREUIL, "2026-03-03T18:59"),
        ("2026-03-03T19:00", MONTREUIL, "2026-03-04T07:00"),
        ("2026-03-04T06:59", MONTREUIL, "2026-03-04T07:00"),
        # Saturday evening: Sunday is skipped; the hour changes that night.
        ("2026-03-28T19:30", MONTREUIL, "2026-03-30T06:00"),
        ("2026-10-24T18:30", MONTREUIL, "2026-10-26T07:00"),
        # The first of May is a Friday; the eighth as well.
        ("2026-04-30T20:00", MONTREUIL, "2026-05-02T06:00"),
        # Good Friday is a holiday in Alsace and Moselle only, like the 26th of December.
        ("2026-04-03T08:00", MONTREUIL, "2026-04-03T08:00"),
        ("2026-04-03T08:00", STRASBOURG, "2026-04-04T06:00"),
        ("2026-04-03T08:00", METZ, "2026-04-04T06:00"),
        ("2025-12-26T08:00", STRASBOURG, "2025-12-27T07:00"),
        # Overseas: their own clocks, which never change hour, and their own holidays.
        ("2026-03-03T11:59", FORT_DE_FRANCE, "2026-03-03T12:00"),
        ("2026-03-03T15:59", SAINT_DENIS, "2026-03-03T15:59"),
        ("2026-03-03T16:00", SAINT_DENIS, "2026-03-04T04:00"),
        ("2026-05-22T13:00", FORT_DE_FRANCE, "2026-05-23T12:00"),
        ("2026-05-22T13:00", MONTREUIL, "2026-05-22T13:00"),
        ("2026-06-10T13:00", CAYENNE, "2026-06-11T11:00"),
        ("2026-04-27T06:00", MAMOUDZOU, "2026-04-28T05:00"),
        # Saint-Pierre changes hour as North America does: two weeks before Paris.
        ("2026-03-10T09:30", SAINT_PIERRE, "2026-03-10T10:00"),
    ],
)
def test_hours_of_places(now: str, commune: str, decent: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert COURTESY.decent_from(at, commune) == datetime.fromisoformat(decent).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("starts_at", "reminded_at"),
    [
        ("2026-03-11T13:00", "2026-03-10T09:00"),
        # A Monday: the day before is a Sunday, so Saturday.
        ("2026-03-09T13:00", "2026-03-07T09:00"),
        # Easter Monday and its Sunday are skipped.
        ("2026-04-07T12:00", "2026-04-04T08:00"),
        # The hour changed in between: ten o'clock is ten o'clock.
        ("2026-03-30T12:00", "2026-03-28T09:00"),
    ],
)
def test_reminder_comes_the_day_before_at_ten(starts_at: str, reminded_at: str) -> None:
    at = datetime.fromisoformat(starts_at).replace(tzinfo=UTC)
    found = COURTESY.days_before(at, 1, time(10), MONTREUIL)
    assert found == datetime.fromisoformat(reminded_at).replace(tzinfo=UTC)


def test_switched_off_every_hour_is_decent() -> None:
    off = Courtesy(FrenchCalendar(), quiet=False, per_day=None)
    sunday_night = datetime(2026, 3, 8, 2, tzinfo=UTC)
    assert off.decent_from(sunday_night, MONTREUIL) == sunday_night
    assert off.days_before(datetime(2026, 3, 9, 13, tzinfo=UTC), 1, time(10), MONTREUIL).day == 8


def test_day_begins_at_the_local_midnight() -> None:
    assert COURTESY.day_began(datetime(2026, 3, 3, 2, tzinfo=UTC), FORT_DE_FRANCE) == datetime(
        2026, 3, 2, 4, tzinfo=UTC
    )


def test_unknown_commune_is_a_place_in_metropolitan_france_without_a_name() -> None:
    assert phone_region("99999") == "FR"
    assert name_of("99999") is None
    assert name_of(MONTREUIL) == "Montreuil"


def test_every_place_has_holidays_and_a_clock() -> None:
    calendar = FrenchCalendar()
    for code in PLACES:
        commune = f"{code}001"[:5]
        assert calendar.is_holiday(datetime(2026, 12, 25, tzinfo=UTC).date(), commune), code
        assert calendar.zone(commune).key
