"""Read the folder of templates: rules from `template.toml`, words from `<channel>.<language>.txt`.

Everything is checked before the service starts: a template that contradicts a contract, misses a language or speaks
badly is refused with the file and what is wrong, all at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from chassis.errors import SettingsRefused
from maillage_contracts import ContractError, Event
from notifications.adapters.facts import OWNER_FIELD, model_named
from notifications.adapters.vocabulary import APPLICATION, Name, is_moment, longest, vocabulary
from notifications.domain import wording
from notifications.domain.errors import TextBroken
from notifications.domain.fact import (
    ALONE,
    APPLICANT,
    AUDIENCES,
    OPERATORS,
    ORGANISATION_ROLES,
    OWNER,
    PERSON,
    PLATFORM,
)
from notifications.domain.template import (
    CHANNELS,
    LANGUAGES,
    Catalogue,
    NotAfter,
    Once,
    Position,
    Send,
    Superseded,
    Template,
    Written,
)
from notifications.domain.texts import Text, read

FOLDER = Path(__file__).parent.parent / "templates"
RULES = "template.toml"
_UNITS = {"minute": "minutes", "hour": "hours", "day": "days"}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    number, _, unit = value.partition(" ") if isinstance(value, str) else ("", "", "")
    unit = unit.removesuffix("s")
    return timedelta(**{_UNITS[unit]: int(number)}) if number.isdigit() and unit in _UNITS else value


Listed = Annotated[list[str], BeforeValidator(_listed)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Send(_Part):
    after: Duration = timedelta(0)
    days_before: int | None = Field(default=None, ge=0, le=30)
    field: str = ""
    at: time = time(10)


class _Once(_Part):
    group: str = ""
    fact: str = ""
    per: Listed = []
    fields: Listed = []
    position: Position = Position.ANY


class _Superseded(_Part):
    by: Listed
    key: str


class _Rules(_Part):
    event: str
    audience: Listed
    channels: Listed
    contact: str | dict[str, str]
    not_after: str = "3 days"
    not_to: str = ""
    holds_while: Listed = []
    when: dict[str, Listed] = {}
    send: _Send = _Send()
    once: _Once = _Once()
    superseded: _Superseded | None = None


class _Broken(Exception):
    """What is wrong with one template, as lines."""


def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """Return every template of the folder, or raise SettingsRefused with all that is wrong."""
    found, wrong = [], []
    for entry in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("_")):
        try:
            found.append(_load(entry))
        except _Broken as broken:
            wrong += [f"{entry.name}: {line}" for line in broken.args]
    if wrong:
        raise SettingsRefused("templates: " + "; ".join(wrong))
    return Catalogue(found)


def _load(folder: Path) -> Template:
    try:
        rules = _Rules.model_validate(tomllib.loads((folder / RULES).read_text("utf-8")))
        model = model_named(rules.event)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise _Broken(f"{RULES}: {error}") from None
    except ValidationError as error:
        raise _Broken(*(f"{RULES}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())) from None
    except ContractError:
        raise _Broken(f"{RULES}: no such event") from None
    if wrong := list(_contradictions(rules, model)):
        raise _Broken(*wrong)
    template = _template(folder.name, rules, _texts(folder, rules.channels))
    names = vocabulary(model, template.audiences)
    wrong = [line for key, text in template.written.items() for line in _unknown(key, text.body, names)]
    spoken = {key: longest(names, key[1]) for key in template.written}
    if wrong := wrong or wording.faults(template, spoken):
        raise _Broken(*wrong)
    return template


def _template(name: str, rules: _Rules, written: Mapping[tuple[str, str], Written]) -> Template:
    after = _duration(rules.not_after)
    once = rules.once
    return Template(
        name=name,
        event=rules.event,
        audiences=tuple(rules.audience),
        channels=tuple(rules.channels),
        contact=_contacts(rules),
        once=Once(once.group or name, once.fact or name, tuple(once.per), tuple(once.fields), once.position),
        send=Send(rules.send.after, rules.send.days_before, rules.send.field, rules.send.at),
        not_after=NotAfter(after=after) if isinstance(after, timedelta) else NotAfter(field=rules.not_after),
        superseded=Superseded(tuple(rules.superseded.by), rules.superseded.key) if rules.superseded else None,
        when={field: frozenset(wanted) for field, wanted in rules.when.items()},
        not_to=rules.not_to,
        holds_while=frozenset(rules.holds_while),
        written=written,
    )


def _contacts(rules: _Rules) -> Mapping[str, str]:
    return dict.fromkeys(rules.audience, rules.contact) if isinstance(rules.contact, str) else rules.contact


def _contradictions(rules: _Rules, model: type[Event]) -> Iterator[str]:
    fields = model.model_fields
    applying = model.aggregate_field == APPLICATION
    owned = model.aggregate_field == OWNER_FIELD
    if "routing" not in fields and not applying and not owned:
        yield "the event says nothing of a place: nobody can be told"
    personal = PERSON in rules.audience
    alone = ALONE & set(rules.audience)
    if not rules.audience or not set(rules.audience) <= set(AUDIENCES) or (alone and len(rules.audience) > 1):
        yield f"audience: `person`, or some of {', '.join(AUDIENCES[1:])}"
    if (rules.audience in ([APPLICANT], [OPERATORS])) != applying:
        yield "audience: `applicant` or `operators` for events of a request to join, and for no others"
    if (OWNER in rules.audience) != owned:
        yield "audience: `organisation` for events about an organisation, and for no others"
    if personal and "subject_ref" not in fields:
        yield "audience: the event is about nobody"
    allowed = CHANNELS if personal else ("email",)
    if not rules.channels or not set(rules.channels) <= set(allowed):
        yield f"channels: some of {', '.join(allowed)}"
    contacts = _contacts(rules)
    known_roles = {PLATFORM} if applying or owned else set(ORGANISATION_ROLES)
    if contacts.keys() != set(rules.audience) or not set(contacts.values()) <= known_roles:
        yield f"contact: for each audience one of {', '.join(ORGANISATION_ROLES)}"
    if "organiser" in contacts.values() and "organiser_organisation_id" not in fields:
        yield "contact: the event has no organiser"
    moments = {name for name, info in fields.items() if is_moment(info.annotation)}
    if not isinstance(_duration(rules.not_after), timedelta) and rules.not_after not in moments:
        yield "not_after: a moment of the event, or a duration such as `3 days`"
    if rules.send.days_before is not None and rules.send.field not in moments:
        yield "send.field: a moment of the event"
    known = {*rules.once.per, *rules.once.fields, *rules.when, *([rules.not_to] if rules.not_to else [])}
    for name in sorted(known - set(fields)):
        yield f"the event has no field {name}"
    if rules.holds_while and model.aggregate_field != "appointment_id":
        yield "holds_while: only for an appointment"
    if rules.superseded is not None:
        yield from _superseding(rules.superseded, model)


def _superseding(rule: _Superseded, model: type[Event]) -> Iterator[str]:
    for name in (*rule.by, ""):
        try:
            fields = (model_named(name) if name else model).model_fields
        except ContractError:
            yield f"superseded.by: no such event: {name}"
            continue
        if rule.key not in fields or fields[rule.key].annotation is not UUID:
            yield f"superseded.key: {name or 'the event'} has no id {rule.key}"


def _texts(folder: Path, channels: list[str]) -> Mapping[tuple[str, str], Written]:
    wanted = {f"{channel}.{language}.txt": (channel, language) for channel in channels for language in LANGUAGES}
    present = {path.name for path in folder.iterdir()} - {RULES}
    wrong = [f"{name}: missing" for name in sorted(wanted.keys() - present)]
    wrong += [f"{name}: not a text of this notice" for name in sorted(present - wanted.keys())]
    if wrong:
        raise _Broken(*wrong)
    return {key: _written(folder / name, key[0]) for name, key in wanted.items()}


def _written(path: Path, channel: str) -> Written:
    source = path.read_text("utf-8").strip("\n")
    subject = ""
    if channel == "email":
        subject, blank, source = (*source.split("\n", 2), "", "")[:3]
        if blank:
            raise _Broken(f"{path.name}: the first line is the subject, the second is empty")
    elif "\n" in source:
        raise _Broken(f"{path.name}: an SMS is one line")
    try:
        return Written(read(source), subject)
    except TextBroken as broken:
        raise _Broken(f"{path.name}: {broken}") from None


def _unknown(key: tuple[str, str], text: Text, names: Mapping[str, Name]) -> Iterator[str]:
    where = f"{key[0]}.{key[1]}.txt"
    for name, behind in text.shown():
        if name not in names or names[name].longest is None:
            yield f"{where}: no such value to show: {name}"
        elif names[name].optional and name not in behind:
            yield f"{where}: {name} may be unknown: write (({name}??…(({name}))…))"
    for condition in text.conditions():
        kind = names.get(condition.name)
        if kind is None or (condition.code is not None and not kind.code):
            yield f"{where}: no such condition: {condition.name}"
