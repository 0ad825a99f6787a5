"""The simulated provider: takes a message once a reference, and what becomes of it is chosen by the number."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maillage.desk.sms import BUSY_TIMES, KEEP, Refused, SmsBox

AT = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)


def body(reference: str = "notice-1", **changes: Any) -> dict[str, Any]:
    return {"reference": reference, "sender": "Maillage", "to": "+33639981200", "text": "Bonjour", **changes}


def test_a_reference_is_sent_once_and_its_repeats_are_counted(tmp_path: Path) -> None:
    box = SmsBox(tmp_path)
    first, new = box.accept(body(), AT)
    again, new_again = box.accept(body(text="Bonjour encore"), AT)

    assert (new, new_again) == (True, False)
    assert again.id == first.id
    for found in (box, SmsBox(tmp_path)):
        (message,) = found.newest_first()
        assert (message.text, message.times) == ("Bonjour", 2)
        assert found.accept(body(), AT)[0].id == first.id


@pytest.mark.parametrize(
    ("ending", "status", "receipt"),
    [
        ("00", "delivered", "due"),
        ("41", "delivered", "due"),
        ("98", "undeliverable", "due"),
        ("95", "failed", "due"),
        ("96", None, "never"),
    ],
)
def test_the_number_chooses_the_receipt(tmp_path: Path, ending: str, status: str | None, receipt: str) -> None:
    message, _ = SmsBox(tmp_path).accept(body(to=f"+336399812{ending}"), AT)

    assert (message.status, message.receipt) == (status, receipt)


def test_a_busy_number_is_refused_twice_for_each_reference(tmp_path: Path) -> None:
    box = SmsBox(tmp_path)
    for reference in ("one", "two"):
        for _ in range(BUSY_TIMES):
            with pytest.raises(Refused) as refused:
                box.accept(body(reference, to="+33639981297"), AT)
            assert refused.value.status == 503
        assert box.accept(body(reference, to="+33639981297"), AT)[0].status == "delivered"
    assert len(box) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": "06 39 98 12 00"}, "number_invalid"),
        ({"to": "+0639981200"}, "number_invalid"),
        ({"to": None}, "fields_missing"),
        ({"text": " "}, "text_empty"),
        ({"text": "a" * 1600}, "text_too_long"),
        ({"sender": "Maillage de France"}, "sender_invalid"),
        ({"reference": ""}, "reference_invalid"),
    ],
)
def test_what_a_provider_would_refuse_is_refused(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    box = SmsBox(tmp_path)
    with pytest.raises(Refused) as refused:
        box.accept(body(**change), AT)

    assert (refused.value.status, refused.value.code) == (422, code)
    assert len(box) == 0


@pytest.mark.parametrize("document", [None, [], "x", 7])
def test_what_is_no_object_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(Refused):
        SmsBox(tmp_path).accept(document, AT)


def test_only_the_last_are_kept(tmp_path: Path) -> None:
    box = SmsBox(tmp_path)
    for number in range(KEEP + 1):
        box.accept(body(f"n{number}"), AT)

    assert len(box) == KEEP
    assert box.newest_first()[-1].reference == "n1"
    assert box.accept(body("n0"), AT)[1], "a forgotten reference is a new one"
