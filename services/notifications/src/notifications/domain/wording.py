"""The plain-language gate: what a text of ours must and must not be, judged before anything is sent.

Short sentences, the second person, no threat, no unexplained acronym, always a telephone and a postal way in an e-mail,
nothing that tells a bystander anything in a subject or in an SMS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from notifications.domain import gsm7
from notifications.domain.fact import PERSON
from notifications.domain.template import Template, Written
from notifications.domain.texts import Values

SENTENCE_WORDS_MAX = 20

THREATS: Mapping[str, tuple[str, ...]] = {
    "fr": (
        "sanction", "radiation", "radié", "suspension", "suspendu", "pénalité", "manquement", "convocation",
        "convoqué", "sous peine", "mise en demeure", "dernier rappel", "injustifié", "obligation", "obligatoire",
        "vous devez", "impérativement", "faute de quoi", "sinon", "à défaut", "perdre", "supprimé", "avertissement",
    ),
    "en": (
        "sanction", "penalty", "penalties", "suspended", "suspension", "struck off", "failure", "fail to",
        "final reminder", "last warning", "warning", "obligation", "mandatory", "compulsory", "you must", "otherwise",
        "or else", "unjustified", "lose your", "removed from", "summon",
    ),
}  # fmt: skip
"""Beginnings of words: `sanctionné` and `failures` are caught too."""

SENSITIVE = (
    "chômage", "chômeur", "demandeur d'emploi", "rsa", "insertion", "france travail", "pôle emploi", "social",
    "précarité", "pauvreté", "endettement", "dette", "addiction", "santé", "handicap", "accompagnement", "département",
    "unemploy", "job seeker", "jobseeker", "benefit", "welfare", "debt", "poverty", "disab", "health",
)  # fmt: skip
"""What a bystander who sees a screen must not read: in no SMS, and in no subject of what is sent to a person."""

ADDRESSED = {"fr": r"(?<![\w-])(vous|votre|vos)\b", "en": r"\b(you|your)\b"}
"""`rendez-vous` speaks to nobody."""

PHONE, POST = "contact.phone", "contact.address"

_SENTENCE_END = re.compile(r"[.!?:;](?:\s|$)")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_ACRONYM = re.compile(r"\b[A-Z]{2,}\b")
_EXPLAINED = re.compile(r"\w+ \(([A-Z]{2,})\)")
_LINK = re.compile(r"https?:|www\.|\.(?:fr|com|org|net)\b")


def faults(template: Template, written: Mapping[tuple[str, str], Values]) -> list[str]:
    """Return what is wrong with a template's texts, given by channel and language the longest that each may say."""
    return [
        f"{template.name}/{channel}.{language}: {fault}"
        for (channel, language), text in template.written.items()
        for fault in _faults(text, channel, language, written[channel, language])
    ] + [
        f"{template.name}/{channel}.{language}: the subject tells a bystander: {word}"
        for (channel, language), text in template.written.items()
        if PERSON in template.audiences
        for word in _begin(text.subject, SENSITIVE)
    ]


def _faults(text: Written, channel: str, language: str, values: Values) -> Iterator[str]:
    body = text.body.whole(values)
    yield from _plain(f"{text.subject}\n{body}", language)
    if not re.search(ADDRESSED[language], body, re.IGNORECASE):
        yield "does not speak to the reader"
    names = {name for name, _ in text.body.shown()}
    if channel == "sms":
        yield from _sms(body, names)
    else:
        yield from _email(text, names)


def _plain(text: str, language: str) -> Iterator[str]:
    for line in text.split("\n"):
        for sentence in _SENTENCE_END.split(line):
            words = _WORD.findall(sentence)
            if len(words) > SENTENCE_WORDS_MAX:
                yield f"a sentence of {len(words)} words: {' '.join(words[:6])} …"
    for threat in _begin(text, THREATS[language]):
        yield f"threatens: {threat}"
    for acronym in sorted(set(_ACRONYM.findall(text)) - set(_EXPLAINED.findall(text))):
        yield f"an acronym nobody explains: {acronym}"


def _sms(body: str, names: set[str]) -> Iterator[str]:
    if foreign := gsm7.foreign(body):
        yield f"characters that an SMS cannot hold: {' '.join(sorted(foreign))}"
    elif gsm7.septets(body) > gsm7.SEPTETS_MAX:
        yield f"up to {gsm7.septets(body)} characters, more than {gsm7.SEPTETS_MAX}"
    if _LINK.search(body) or names & {"link", "page"}:
        yield "an SMS holds no link"
    if PHONE not in names:
        yield "no telephone number"
    for name in sorted(names):
        if name == "first_name" or name.endswith(".name"):
            yield f"an SMS names nobody: {name}"
    for word in _begin(body, SENSITIVE):
        yield f"tells a bystander: {word}"


def _email(text: Written, names: set[str]) -> Iterator[str]:
    if not text.subject:
        yield "no subject"
    if "((" in text.subject:
        yield "a subject holds no value"
    if PHONE not in names:
        yield "no telephone number"
    if POST not in names:
        yield "no postal address"


def _begin(text: str, beginnings: Iterable[str]) -> Iterator[str]:
    plain = text.lower().replace("’", "'")
    return (word for word in beginnings if re.search(rf"\b{re.escape(word)}", plain))
