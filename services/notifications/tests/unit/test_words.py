"""Moments and numbers as people say them, and an e-mail that says nothing on its outside."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from notifications.adapters.dates import mobile, moment, phone
from notifications.adapters.email import compose
from notifications.adapters.values import FrenchWords
from notifications.app.ports import Message

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("at", "french", "english"),
    [
        ("2026-11-24T14:00", "mardi 24 novembre à 14 h", "Tuesday 24 November at 2 pm"),
        ("2026-12-01T09:05", "mardi 1er décembre à 9 h 05", "Tuesday 1 December at 9:05 am"),
        ("2027-01-04T12:30", "lundi 4 janvier 2027 à 12 h 30", "Monday 4 January 2027 at 12:30 pm"),
        ("2026-08-11T00:15", "mardi 11 août à 0 h 15", "Tuesday 11 August at 12:15 am"),
    ],
)
def test_dates_are_said_in_full(at: str, french: str, english: str) -> None:
    local = datetime.fromisoformat(at).replace(tzinfo=PARIS)
    assert moment(local, NOW, "fr") == french
    assert moment(local, NOW, "en") == english


@pytest.mark.parametrize(
    ("raw", "commune", "number"),
    [
        ("06 39 98 00 00", "93048", "+33639980000"),
        ("+33 6 39 98 00 97", "93048", "+33639980097"),
        ("0033639980000", "93048", "+33639980000"),
        ("0690 00 12 34", "97105", "+590690001234"),
        ("0690 00 12 34", "93048", "+590690001234"),
        ("06 12 34 56 78", "97209", "+33612345678"),
        ("06 39 98 00 00", "97209", "+33639980000"),
        ("0639 01 12 34", "93048", "+262639011234"),
        ("+596 696 00 12 34", "93048", "+596696001234"),
        ("0596 00 12 34", "97209", None),
        ("01 99 00 00 00", "93048", None),
        ("rappeler le soir", "93048", None),
        ("", "93048", None),
        ("06 39", "93048", None),
    ],
)
def test_only_mobile_numbers_receive_text_messages(raw: str, commune: str, number: str | None) -> None:
    assert mobile(raw, commune) == number


def test_number_of_an_organisation_is_said_as_it_is_dialled() -> None:
    assert phone("+33 1 99 00 00 00", "93048") == "01 99 00 00 00"
    assert phone("poste 12", "93048") == "poste 12"


@pytest.mark.parametrize(
    ("raw", "usable"),
    [
        ("camille@exemple.test", True),
        ("camille", False),
        ("camille@exemple.test\r\nBcc: x@y.test", False),
        ("a@b.test, c@d.test", False),
        ("<a@b.test>", False),
        ("a@b@c.test", False),
        ("hélène@exemple.test", False),
    ],
)
def test_address_is_one_address(raw: str, usable: bool) -> None:
    words = FrenchWords.__new__(FrenchWords)
    assert (words.address("email", raw, "93048") is not None) is usable


def test_outside_of_an_email_says_nothing() -> None:
    message = Message(UUID(int=7), "camille@exemple.test", "Bonjour Camille,\nà bientôt", "fr", "Votre rendez-vous")
    email = compose(message, "Maillage <maillage@example.org>", datetime(2026, 3, 2, tzinfo=UTC))
    outside = "\n".join(f"{name}: {value}" for name, value in email.items())
    assert "amille@exemple" not in outside
    assert "Camille" not in outside
    assert email["Message-ID"] == f"<{UUID(int=7)}@maillage.example.org>"
    assert email["X-Maillage-Notice"] == str(UUID(int=7))
    assert email["Auto-Submitted"] == "auto-generated"
    assert email["Content-Language"] == "fr"
    assert email.get_content() == "Bonjour Camille,\nà bientôt\n"


def test_message_prints_nothing() -> None:
    assert "camille" not in repr(Message(UUID(int=7), "camille@exemple.test", "Bonjour Camille", "fr"))
