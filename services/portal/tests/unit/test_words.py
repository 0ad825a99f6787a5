"""Both catalogues say everything, and say it as `portal.md` asks."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from portal.adapters.http import organisation, requests
from portal.adapters.http.appointments import PAGE_OF
from portal.adapters.http.failures import SERVICES_WITH_WORDS
from portal.adapters.http.joining import REFUSED_FIELDS, TROUBLES
from portal.adapters.http.words import LANGUAGES, Words, catalogue
from portal.domain import accompaniment, appointment, joining, partner
from portal.domain.member import MANAGER, PARTNERS, ROLES, Kind, Section
from portal.domain.needs import GROUPS, NEEDS
from portal.domain.referral import COMMANDS, DECLINE_REASONS, OPEN_STATUSES, STATUSES

FORBIDDEN = {
    "fr": re.compile(r"\b(invalide|valider|veuillez|erroné|absences?|sanctions?|consent\w*|OK)\b", re.IGNORECASE),
    "en": re.compile(r"\b(invalid|please|OK|consent|sanctions?|submit)\b", re.IGNORECASE),
}


def values_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_both_languages_have_every_sentence_with_the_same_values() -> None:
    french, english = catalogue("fr"), catalogue("en")
    assert french.keys() == english.keys()
    assert {name: values_of(french[name]) for name in french} == {name: values_of(english[name]) for name in english}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_blames_or_uses_words_of_machines(language: str) -> None:
    assert [name for name, text in catalogue(language).items() if FORBIDDEN[language].search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_the_domain_has_words(language: str) -> None:
    words = catalogue(language)
    needed = (
        {f"need.{need}" for need in NEEDS}
        | {f"group.{group.code}" for group in GROUPS}
        | {f"status.{status}" for status in STATUSES}
        | {f"reason.{reason}" for reason in DECLINE_REASONS}
        | {f"act.{command}" for commands in COMMANDS.values() for command in commands}
        | {f"kind.{kind}" for kind in Kind}
        | {f"home.to_list.{kind}" for kind in Kind}
        | {f"section.{section}" for section in Section}
        | {f"list.first.{status}.{form}" for status in OPEN_STATUSES for form in ("one", "many")}
        | {f"referral.next.{kind}.{status}" for kind, commands in COMMANDS.items() if commands for status in STATUSES}
    )
    assert needed - words.keys() == set()


STORY_STEPS = (
    "accompaniment_proposed", "accompaniment_accepted", "accompaniment_active", "accompaniment_refused",
    "accompaniment_ended", "appointment_proposed", "appointment_booked", "appointment_postponed", "appointment_held",
    "appointment_missed", "appointment_cancelled", "enrolment_requested", "enrolment_seat_held", "enrolment_confirmed",
    "enrolment_waitlisted", "enrolment_withdrawn", "enrolment_seat_offered", "enrolment_offer_expired",
    "enrolment_refused", "enrolment_started", "enrolment_completed", "enrolment_ended_early",
)  # fmt: skip
"""What the referrals service says of a story in a referral's history, after its acceptance."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_the_story_has_words(language: str) -> None:
    words = catalogue(language)
    needed = (
        {f"together.{status}" for status in accompaniment.STATUSES}
        | {f"course_alone.{status}" for status in (*accompaniment.STATUSES, "reviewed")}
        | {f"accompaniment.{act}.{part}" for act in ("acceptance", "refusal", "end") for part in ("title", "send")}
        | {f"end_reason.{reason}" for reason in accompaniment.END_REASONS}
        | {f"action.{state}" for state in accompaniment.ACTION_STATES}
        | {f"modality.{one}" for one in appointment.MODALITIES}
        | {f"own.modality.{one}" for one in appointment.MODALITIES}
        | {f"meeting.{status}" for status in appointment.STATUSES}
        | {f"own.status.{status}" for status in appointment.STATUSES if status != "booked"}
        | {f"appointment.act.{act}" for act in appointment.ACTS}
        | {f"appointment.{slug}.{part}" for slug in PAGE_OF for part in ("title", "lead", "send", "next")}
        | {f"appointment.done.{slug}" for slug in PAGE_OF}
        | {f"history_alone.{step}" for step in STORY_STEPS}
        | {f"unavailable.{service}" for service in SERVICES_WITH_WORDS}
    )
    assert needed - words.keys() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_about_partners_has_words(language: str) -> None:
    words = catalogue(language)
    needed = (
        {f"{kind}.{state}" for kind in ("join_state", "request_state") for state in joining.STATES}
        | {f"join.kind_more.{kind}" for kind in PARTNERS}
        | {f"home.to_list.{desk}" for desk in (*Kind, MANAGER)}
        | {f"{text}.{role}" for roles in ROLES.values() for role in roles for text in ("role", "role_more")}
        | {f"webhook_state.{state}" for state in partner.WEBHOOK_STATES}
        | {f"webhook.{text}.{state}" for state in partner.WEBHOOK_STATES for text in ("todo", "todo_more")}
        | {f"outcome.{outcome}" for outcome in partner.OUTCOMES if outcome != "delivered"}
        | {f"overlap.{hours}" for hours in partner.OVERLAP_HOURS}
        | {f"partner.told.{told}" for told in organisation.TOLD}
        | {f"fault.join_refused.{field}" for field in REFUSED_FIELDS}
        | {f"join.trouble.{trouble}{part}" for trouble in TROUBLES for part in ("", ".title")}
        | {f"request.told.{told}" for told in requests.DONE}
        | {f"request.filter.{state}" for state in requests.FILTERS.values()}
    )
    assert needed - words.keys() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_person_is_told_on_every_page_that_nothing_follows(language: str) -> None:
    words = catalogue(language)
    said = "aucune conséquence" if language == "fr" else "no consequence"
    for name in ("own.free.postponement", "own.nothing_happens", "own.cancel_more", "own.status.missed"):
        assert said in words[name]
    assert "own.status.missed" in words
    assert "manqué" not in words["own.status.missed"] + words["meeting.missed"]


def test_every_fault_that_code_finds_has_words() -> None:
    found = {
        name
        for path in Path(str(files("portal"))).rglob("*.py")
        for name in re.findall(r"\"(fault\.[a-z_.]+)\"", path.read_text("utf-8"))
    }
    assert len(found) > 40
    assert found - catalogue("fr").keys() == set()


def test_every_sentence_is_used_by_a_page_or_built_from_a_code() -> None:
    templates = "".join(
        entry.read_text("utf-8") for entry in files("portal").joinpath("templates").iterdir() if entry.is_file()
    )
    built = re.compile(
        r"^(need|group|status|reason|act|history|history_alone|course|course_alone|declined_by|referral\.(next|todo)|list\.first|trouble"
        r"|unavailable|fault|kind|field\.birth_|(together|meeting|action|join_state|request_state|webhook_state|delivery)\.|draft\.(person|place|needs|note)\.(title|next)|accessibility\.done_)"
        r"|\.(association|council)(\.(one|many))?$"
    )
    unused = [name for name in catalogue("fr") if not built.search(name) and not named_in(templates, name)]
    assert unused == []


def named_in(templates: str, name: str) -> bool:
    """Tell whether templates name a sentence, or begin a name that a code completes: `"seat." ~ status`."""
    whole = re.sub(r"[.](one|many)$", "", name)
    parts = name.split(".")
    begun = (".".join(parts[:n]) + "." for n in range(1, len(parts)))
    underscored = (name[: n + 1] for n, char in enumerate(name) if char == "_")
    return any(f"{quote}{text}{quote}" in templates for text in (whole, name, *begun, *underscored) for quote in "\"'")


def test_no_line_of_french_can_begin_with_high_punctuation() -> None:
    assert [name for name, text in catalogue("fr").items() if re.search(r" [?!;:»]", text)] == []


@pytest.mark.parametrize(
    ("language", "at", "expected"),
    [
        ("fr", datetime(2026, 11, 24, 13, 0, tzinfo=UTC), "mardi 24 novembre 2026 à 14\u202fh"),
        ("fr", datetime(2026, 7, 1, 7, 5, tzinfo=UTC), "mercredi 1er juillet 2026 à 9\u202fh\u202f05"),
        ("en", datetime(2026, 11, 24, 13, 30, tzinfo=UTC), "Tuesday 24 November 2026 at 2:30 pm"),
    ],
)
def test_dates_are_written_in_full_when_shown(language: str, at: datetime, expected: str) -> None:
    assert Words(language).moment(at) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_promises_a_reminder_while_nothing_is_sent(language: str) -> None:
    said = re.compile(r"\b(rappel\w*|remind\w*)\b", re.IGNORECASE)
    assert [name for name, text in catalogue(language).items() if said.search(text)] == []


@pytest.mark.parametrize(("language", "word"), [("fr", "identifiée"), ("en", "identified")])
def test_person_is_said_identified_whether_known_before_or_not(language: str, word: str) -> None:
    assert word in catalogue(language)["history_alone.identified"]


def test_birth_date_is_written_without_a_weekday() -> None:
    assert Words("fr").birth(date(1961, 1, 1)) == "1er janvier 1961"
    assert Words("fr").birth(date(1961, 1, 31)) == "31 janvier 1961"


@pytest.mark.parametrize(
    ("language", "n", "expected"), [("fr", 0, "0 orientation attend"), ("en", 0, "0 referrals wait")]
)
def test_zero_agrees_as_each_language_does(language: str, n: int, expected: str) -> None:
    assert Words(language).count("list.waiting.association", n).startswith(expected)


def test_unknown_code_is_shown_with_the_words_for_others() -> None:
    assert Words("fr").known("status.on_hold", "status.other") == "Étape enregistrée"
