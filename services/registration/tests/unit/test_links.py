"""A signed link opens what it was signed for, in its time, and nothing else does."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.crypto import Vault
from registration.adapters.links import KEY, SignedLinks
from registration.domain.appointment import Appointment
from registration.domain.appointment_table import State
from registration.domain.errors import LinkExpired, LinkInvalid
from registration.domain.link import Link, Purpose, link_to

from .conftest import NOW, booked

VAULT = Vault(bytes(range(32)))
LINKS = SignedLinks(VAULT)
DAY = timedelta(days=1)


def token(expires_at: datetime = NOW + 30 * DAY) -> str:
    return LINKS.write(Link(Purpose.APPOINTMENT, UUID(int=9), expires_at))


def signed(version: int = 1, purpose: int = 1, key: str = KEY) -> str:
    payload = struct.pack(">BB16sI", version, purpose, UUID(int=9).bytes, 2_000_000_000)
    return base64.urlsafe_b64encode(payload + VAULT.lookup(key, payload.hex())).decode()


@given(st.uuids(), st.integers(0, 2**32 - 1))
def test_link_is_read_as_it_was_written(appointment_id: UUID, seconds: int) -> None:
    link = Link(Purpose.APPOINTMENT, appointment_id, datetime.fromtimestamp(seconds, UTC))
    assert LINKS.read(LINKS.write(link), Purpose.APPOINTMENT) == link
    assert len(LINKS.write(link)) <= 90


def test_link_signed_here_by_hand_is_read() -> None:
    assert LINKS.read(signed(), Purpose.APPOINTMENT).appointment_id == UUID(int=9)


@pytest.mark.parametrize("forged", [signed(purpose=2), signed(version=2), signed(key="person-other")])
def test_link_for_another_purpose_is_refused(forged: str) -> None:
    with pytest.raises(LinkInvalid):
        LINKS.read(forged, Purpose.APPOINTMENT)


def test_link_signed_with_another_key_is_refused() -> None:
    with pytest.raises(LinkInvalid):
        SignedLinks(Vault(bytes(32))).read(token(), Purpose.APPOINTMENT)


@given(st.integers(0, 54 * 8 - 1))
def test_link_with_one_bit_changed_is_refused(bit: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(token()))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(LinkInvalid):
        LINKS.read(base64.urlsafe_b64encode(bytes(raw)).decode(), Purpose.APPOINTMENT)


@given(st.text(max_size=100) | st.integers(0, 71).map(lambda n: token()[:n]))
def test_text_that_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(LinkInvalid):
        LINKS.read(text, Purpose.APPOINTMENT)


@pytest.mark.parametrize("spoilt", [token() + "=", token() + "AAAA", " " + token(), token() + "\n", token().upper()])
def test_link_has_one_spelling(spoilt: str) -> None:
    with pytest.raises(LinkInvalid):
        LINKS.read(spoilt, Purpose.APPOINTMENT)


def proposed() -> Appointment:
    appointment = booked()
    appointment.state, appointment.starts_at = State.PROPOSED, None
    return appointment


def test_link_lasts_thirty_days_or_until_a_day_after_a_later_appointment() -> None:
    soon = booked(NOW + DAY)
    late = booked(NOW + 60 * DAY)
    for appointment, until in ((proposed(), 30), (soon, 30), (late, 61)):
        link = link_to(appointment, NOW)
        assert link is not None
        assert link.expires_at == NOW + until * DAY


def test_old_link_opens_nothing_a_day_after_the_appointment() -> None:
    link = link_to(proposed(), NOW)
    assert link is not None
    agreed = booked(NOW + DAY)
    link.check(agreed, NOW + 2 * DAY - timedelta(seconds=1))
    with pytest.raises(LinkExpired):
        link.check(agreed, NOW + 2 * DAY)
    assert link_to(agreed, NOW + 2 * DAY) is None


def test_link_goes_on_through_a_postponement_to_a_later_date() -> None:
    link = link_to(booked(NOW + DAY), NOW)
    assert link is not None
    link.check(booked(NOW + 20 * DAY), NOW + 20 * DAY)
    with pytest.raises(LinkExpired):
        link.check(booked(NOW + 40 * DAY), NOW + 30 * DAY)
