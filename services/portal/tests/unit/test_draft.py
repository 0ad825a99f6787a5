"""What was typed is kept as typed; what is wrong with it is said field by field; what is sent is clean."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.adapters.geography import OfficialCommunes
from portal.app.write_draft import resolve_place
from portal.domain.draft import FIELDS, STEPS, Draft, faults, first_unfinished, submission

TODAY = date(2026, 11, 21)
EMPTY = Draft(UUID(int=1), UUID(int=2))
PERSON = {"first_name": ("Camille",), "last_name": ("Exemple",), "birth_day": ("3",), "birth_month": ("5",)}


def messages(draft: Draft, step: str) -> list[str]:
    return [fault.message for fault in faults(draft, step, TODAY)]


def full() -> Draft:
    draft = EMPTY.keep("person", {**PERSON, "birth_year": ("1988",), "phone": ("06 39.98-00 00",)})
    draft = resolve_place(draft.keep("place", {"commune": ("Montreuil (93)",)}), OfficialCommunes())
    draft = draft.keep("needs", {"themes": ("logement-hebergement--louer-un-logement", "not-a-need")})
    return draft.keep("note", {"note": ("  deux\r\nlignes  ",), "person_informed": ("yes",)})


def test_every_missing_answer_is_named_when_nothing_was_typed() -> None:
    assert messages(EMPTY, "person") == ["fault.first_name.missing", "fault.last_name.missing", "fault.birth.missing"]
    assert messages(EMPTY, "place") == ["fault.commune.missing"]
    assert messages(EMPTY, "needs") == ["fault.needs.missing"]
    assert messages(EMPTY, "note") == ["fault.informed"]


@pytest.mark.parametrize(
    ("day", "month", "year", "expected"),
    [
        ("31", "2", "1988", "fault.birth.unreal"), ("x", "2", "1988", "fault.birth.unreal"),
        ("22", "11", "2026", "fault.birth.future"), ("3", "5", "88", "fault.birth.old"),
        ("", "", "1988", "fault.birth.unreal"), ("²", "5", "1988", "fault.birth.unreal"),
    ],
)  # fmt: skip
def test_birth_date_is_questioned_when_it_cannot_be(day: str, month: str, year: str, expected: str) -> None:
    typed = {**PERSON, "birth_day": (day,), "birth_month": (month,), "birth_year": (year,)}
    assert messages(EMPTY.keep("person", typed), "person") == [expected]


def test_body_is_clean_when_all_steps_are_right() -> None:
    draft = full()
    assert first_unfinished(draft, TODAY) is None
    assert submission(draft) == {
        "commune": "93048",
        "person": {
            "first_name": "Camille", "last_name": "Exemple", "birth_date": "1988-05-03", "phone": "0639980000",
            "email": None, "address": None,
        },
        "themes": ["logement-hebergement--louer-un-logement"],
        "note": "deux\nlignes",
        "person_informed": True,
    }  # fmt: skip


def test_other_steps_are_untouched_when_one_is_kept_again() -> None:
    draft = full().keep("person", {})
    assert draft.value("first_name") == ""
    assert draft.value("commune_code") == "93048"
    assert first_unfinished(draft, TODAY) == "person"


def test_place_is_asked_again_when_the_text_changes_after_a_choice() -> None:
    communes = OfficialCommunes()
    asked = resolve_place(EMPTY.keep("place", {"commune": ("Montreuil",)}), communes)
    assert asked.value("commune_code") == ""
    typed = {"commune": ("Montreuil",), "commune_code": ("28267",), "commune_asked": (asked.value("commune_asked"),)}
    chosen = resolve_place(asked.keep("place", typed), communes)
    assert chosen.value("commune") == "Montreuil (28)"

    changed = resolve_place(chosen.keep("place", {**typed, "commune": ("Bobigny",)}), communes)
    assert changed.value("commune_code") == "93008"


def test_merged_commune_is_never_chosen_silently() -> None:
    draft = resolve_place(EMPTY.keep("place", {"commune": ("01033",)}), OfficialCommunes())
    typed = {"commune": ("Bellegarde-sur-Valserine",)}
    assert resolve_place(draft.keep("place", typed), OfficialCommunes()).value("commune_code") == ""


def test_key_stays_until_the_service_has_refused() -> None:
    draft = full()
    assert draft.keep("note", {}).idempotency_key == draft.idempotency_key
    assert draft.refused().idempotency_key != draft.idempotency_key


def test_everything_typed_is_forgotten_when_sent() -> None:
    assert full().sent(UUID(int=5)).typed == {}


@given(step=st.sampled_from(STEPS), typed=st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=60))))
def test_no_text_makes_a_step_fail_when_typed(step: str, typed: dict[str, list[str]]) -> None:
    everywhere = {name: tuple(next(iter(typed.values()), [])) for name in FIELDS[step]}
    draft = EMPTY.keep(step, everywhere)
    faults(draft, step, TODAY)
    submission(draft)
