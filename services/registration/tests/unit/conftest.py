"""An accompaniment and a booked appointment, as plain values, and the present that every unit test starts at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from registration.domain.accompaniment import Accompaniment, Standing
from registration.domain.appointment import Appointment, Modality
from registration.domain.appointment_table import State

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COUNCIL, EMPLOYMENT = UUID(int=0xC1), UUID(int=0xF1)


def accompaniment(standing: Standing = Standing.ACTIVE) -> Accompaniment:
    return Accompaniment(
        UUID(int=1), 3, standing, UUID(int=2), UUID(int=3), UUID(int=4), "93048", UUID(int=0xA1), "association",
        COUNCIL, EMPLOYMENT,
    )  # fmt: skip


def booked(at: datetime = NOW + timedelta(days=1), *options: datetime) -> Appointment:
    return Appointment(
        UUID(int=9), accompaniment(), COUNCIL, Modality.IN_PERSON, 45, None, options, at, State.BOOKED, version=2
    )
