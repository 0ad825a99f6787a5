"""The plain-language gate: every template of ours passes it, and it stops what it should. A notice needs files only."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chassis.errors import SettingsRefused
from maillage_contracts import AppointmentPostponed
from notifications.adapters.facts import model_named, type_name
from notifications.adapters.templates import FOLDER, load_catalogue
from notifications.adapters.vocabulary import longest, vocabulary
from notifications.domain import gsm7
from notifications.domain.fact import PERSON
from notifications.domain.template import LANGUAGES, Template

CATALOGUE = load_catalogue()
TEMPLATES = sorted(CATALOGUE, key=lambda template: template.name)
ASKED_FOR = {
    "accompaniment_activated", "appointment_booked", "appointment_reminder", "appointment_postponed",
    "appointment_moved", "appointment_cancelled", "enrolment_confirmed", "enrolment_waitlisted", "seat_offered",
    "referral_submitted", "referral_accepted", "referral_declined", "referral_expired", "referral_overdue",
    "accompaniment_proposed", "accompaniment_activated_association",
}  # fmt: skip

RULES = """
event = "registration.appointment.booked.v1"
audience = "person"
channels = ["email", "sms"]
contact = "organiser"
not_after = "starts_at"
"""
CONTACT = "((contact.phone))\n((contact.address))\n"
TEXTS = {
    "email.fr.txt": f"Votre rendez-vous\n\nVotre rendez-vous est ((starts_at)).\n{CONTACT}",
    "email.en.txt": f"Your appointment\n\nYour appointment is ((starts_at)).\n{CONTACT}",
    "sms.fr.txt": "Votre rendez-vous : ((starts_at)). ((contact.phone))\n",
    "sms.en.txt": "Your appointment: ((starts_at)). ((contact.phone))\n",
}


def folder_with(tmp_path: Path, rules: str = RULES, **texts: str) -> Path:
    """Return a folder with one template, these texts (`sms_fr=…`) in place of the good ones."""
    one = tmp_path / "nouveau"
    one.mkdir()
    (one / "template.toml").write_text(rules, "utf-8")
    changed = {f"{name.replace('_', '.')}.txt": text for name, text in texts.items()}
    for name, text in (TEXTS | changed).items():
        (one / name).write_text(text, "utf-8")
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(SettingsRefused) as refused:
        load_catalogue(folder)
    return str(refused.value)


def test_every_notice_that_was_asked_for_is_there() -> None:
    assert {template.name for template in TEMPLATES} >= ASKED_FOR


def test_no_training_provider_is_sent_to_a_page_that_the_portal_does_not_have() -> None:
    written = [
        (t.name, one.body) for t in TEMPLATES if "training_provider" in t.audiences for one in t.written.values()
    ]
    assert "enrolment_to_confirm" in {name for name, _ in written}
    assert [name for name, body in written if "page" in dict(body.shown())] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_plain_language_gate(template: Template) -> None:
    """Loading judged it already; here what no rule says: both languages, the same facts, a message that fits."""
    assert {language for _, language in template.written} == set(LANGUAGES)
    names = vocabulary(model_named(template.event), template.audiences)
    for channel in template.channels:
        said = {language: set(dict(template.written[channel, language].body.shown())) for language in LANGUAGES}
        assert said["fr"] == said["en"], "both languages say the same"
        for language in LANGUAGES:
            body = template.written[channel, language].body.whole(longest(names, language))
            assert channel != "sms" or gsm7.septets(body) <= gsm7.SEPTETS_MAX
            assert "  " not in body
    for language in LANGUAGES:
        assert ("email", language) not in template.written or template.written["email", language].subject


def test_new_notice_is_files_only(tmp_path: Path) -> None:
    (template,) = load_catalogue(folder_with(tmp_path))
    assert (template.name, template.channels, template.once.group) == ("nouveau", ("email", "sms"), "nouveau")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, sms_fr="Venez.", sms_en="You come.")
    shutil.copytree(FOLDER / "seat_offered", folder / "autre")
    (folder / "autre" / "sms.en.txt").unlink()
    said = refusal(folder)
    assert "autre: sms.en.txt: missing" in said
    assert "nouveau: nouveau/sms.fr: does not speak to the reader" in said
    assert "nouveau/sms.en: no telephone number" in said


GOOD = TEXTS["email.fr.txt"]


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        ({"sms_fr": "Votre rendez-vous est à la fenêtre. ((contact.phone))"}, "cannot hold: ê"),
        ({"sms_fr": f"Votre rendez-vous {'a' * 130} ((contact.phone))"}, "more than 160"),
        ({"sms_fr": "Votre page : https://exemple.test ((contact.phone))"}, "an SMS holds no link"),
        ({"sms_fr": "Votre page((link?? : ((link)))) ((contact.phone))"}, "an SMS holds no link"),
        ({"sms_fr": "Votre rendez-vous."}, "no telephone number"),
        ({"sms_fr": "Bonjour((first_name?? ((first_name)))), votre numéro : ((contact.phone))"}, "an SMS names nobody"),
        ({"sms_fr": "Vous avez rendez-vous avec ((contact.name)). ((contact.phone))"}, "an SMS names nobody"),
        ({"sms_fr": "Votre rendez-vous à France Travail. ((contact.phone))"}, "tells a bystander: france travail"),
        ({"sms_fr": "Votre dossier chômage. ((contact.phone))"}, "tells a bystander: chômage"),
        ({"sms_fr": "Votre insertion. ((contact.phone))"}, "tells a bystander: insertion"),
        ({"sms_fr": "Votre aide sociale. ((contact.phone))"}, "tells a bystander: social"),
        ({"sms_fr": "Vous.\nVotre rendez-vous. ((contact.phone))"}, "an SMS is one line"),
        ({"email_fr": GOOD.replace("((contact.phone))\n", "")}, "no telephone number"),
        ({"email_fr": GOOD.replace("((contact.address))\n", "")}, "no postal address"),
        ({"email_fr": GOOD.replace("Votre rendez-vous est", "Une sanction. Votre rendez-vous est")}, "threatens"),
        ({"email_fr": GOOD.replace("est ((starts_at))", "est obligatoire ((starts_at))")}, "threatens: obligatoire"),
        ({"email_en": TEXTS["email.en.txt"].replace("is ((", "is mandatory: ((")}, "threatens: mandatory"),
        ({"email_fr": GOOD.replace("est ((starts_at))", f"est {'très ' * 20}bientôt")}, "a sentence of 24 words"),
        ({"email_fr": GOOD.replace("rendez-vous est", "rendez-vous CAF est")}, "an acronym nobody explains: CAF"),
        ({"email_fr": f"Votre RSA\n\n{GOOD}"}, "the subject tells a bystander: rsa"),
        ({"email_fr": f"Le ((starts_at))\n\n{GOOD}"}, "a subject holds no value"),
        ({"email_fr": GOOD.replace("\n\n", "\n", 1)}, "the first line is the subject"),
        ({"email_fr": GOOD.replace("Votre rendez-vous est", "Le rendez-vous est")}, "does not speak to the reader"),
        ({"email_fr": GOOD + "((birth_date))"}, "no such value to show: birth_date"),
        ({"email_fr": GOOD + "((appointment_id))"}, "no such value to show: appointment_id"),
        ({"email_fr": GOOD + "((place))"}, "place may be unknown"),
        ({"email_fr": GOOD + "((weather=fine??Il fait beau.))"}, "no such condition: weather"),
        ({"email_fr": GOOD + "((starts_at"}, "email.fr.txt: line 4"),
        ({"letter_fr": "Bonjour."}, "letter.fr.txt: not a text of this notice"),
    ],
)  # fmt: skip
def test_gate_stops(tmp_path: Path, texts: dict[str, str], fault: str) -> None:
    assert fault in refusal(folder_with(tmp_path, **texts))


@pytest.mark.parametrize(
    ("instead", "fault"),
    [
        ('event = "registration.appointment.dreamt.v1"', "no such event"),
        ('event = "training.session.opened.v1"', "nobody can be told"),
        ('event = "referrals.referral.accepted.v1"', "audience: the event is about nobody"),
        ('audience = "everybody"', "audience: `person`, or some of"),
        ('audience = ["person", "council"]', "audience: `person`, or some of"),
        ('channels = ["pigeon"]', "channels: some of email, sms"),
        ('contact = "nobody"', "contact: for each audience"),
        ('not_after = "soon"', "not_after: a moment of the event"),
        ('not_after = "modality"', "not_after: a moment of the event"),
        ('colour = "red"', "colour: Extra inputs are not permitted"),
        ("holds_while = 3", "holds_while"),
        ('not_to = "refused_by"', "the event has no field refused_by"),
        ('when = { reason = "other" }', "the event has no field reason"),
        ('send = { days_before = 1, field = "booked" }', "send.field: a moment"),
        ('once = { fields = ["rank"] }', "the event has no field rank"),
        ('superseded = { by = ["x.y.z.v1"], key = "appointment_id" }', "superseded.by: no such event"),
        ('superseded = { by = ["training.session.opened.v1"], key = "appointment_id" }', "superseded.key"),
        ("event = ", "template.toml"),
    ],
)
def test_rules_that_contradict_the_contracts_are_refused(tmp_path: Path, instead: str, fault: str) -> None:
    name = instead.split(" ")[0]
    kept = [line for line in RULES.strip().split("\n") if not line.startswith(f"{name} ")]
    assert fault in refusal(folder_with(tmp_path, "\n".join([*kept, instead])))


def test_acronym_that_is_explained_passes(tmp_path: Path) -> None:
    explained = GOOD.replace("rendez-vous est", "rendez-vous à la caisse (CAF) est")
    assert list(load_catalogue(folder_with(tmp_path, email_fr=explained)))


def test_only_the_person_is_told_of_a_postponement() -> None:
    # The list of readers says what for; anything else here would be another purpose.
    told = [template for template in TEMPLATES if template.event == type_name(AppointmentPostponed)]
    assert [(template.name, template.audiences) for template in told] == [("appointment_postponed", (PERSON,))]
