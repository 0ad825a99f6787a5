"""Which model carries which ce_type, and which topic it belongs to.

Built once, at import, and refused there when a type is declared twice, has no topic, or is in the table
without a model: a process that started has a consistent registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from maillage_contracts import (
    accompaniments,
    appointments,
    enrolments,
    joining,
    moves,
    notices,
    organisations,
    persons,
    referrals,
    stream,
    training,
    webhooks,
)
from maillage_contracts.base import Event
from maillage_contracts.errors import UnknownType, UnsupportedMajor
from maillage_contracts.topics import PARTNER_TOPIC, PREFIX, TOPICS, Topic

FAMILIES = (
    referrals,
    moves,
    accompaniments,
    persons,
    appointments,
    training,
    enrolments,
    joining,
    notices,
    organisations,
    stream,
    webhooks,
)
"""The modules that declare events."""

_TYPE = re.compile(r"(fr\.maillage(?:\.[a-z][a-z_]{0,39}){3})\.v([1-9][0-9]{0,3})", re.ASCII)


class RegistryError(Exception):
    """The contracts package contradicts itself; it must not be used until that is mended."""


def declared(root: type[Event] = Event) -> Iterator[type[Event]]:
    """Yield every imported class that can be published, bases before those derived from them."""
    for model in root.__subclasses__():
        if "event_type" in vars(model):
            yield model
        yield from declared(model)


def models_by_type(models: Iterable[type[Event]]) -> dict[str, type[Event]]:
    """Index models by type; refuse a type that is malformed or declared twice."""
    index: dict[str, type[Event]] = {}
    for model in models:
        if not _TYPE.fullmatch(model.event_type):
            raise RegistryError(f"{model.__name__}: malformed type {model.event_type}")
        if model.event_type in index:
            raise RegistryError(f"{model.event_type}: declared by two models")
        if model.aggregate_field not in model.model_fields:
            raise RegistryError(f"{model.__name__}: no field {model.aggregate_field}")
        index[model.event_type] = model
    return index


def topics_by_type(index: Mapping[str, type[Event]], topics: Iterable[Topic]) -> dict[str, Topic]:
    """Give every type its one topic; refuse orphans on either side and a key that differs from the topic's."""
    homes: dict[str, Topic] = {}
    for topic in topics:
        for ce_type in topic.types:
            if ce_type in homes:
                raise RegistryError(f"{ce_type}: on two topics, or twice on one")
            if ce_type not in index:
                raise RegistryError(f"{topic.name}: {ce_type} has no model")
            if index[ce_type].aggregate_field not in (topic.key, *topic.other_keys):
                raise RegistryError(f"{topic.name}: {ce_type} is not keyed by {topic.key}")
            homes[ce_type] = topic
        for ce_type in topic.relayed_types:
            if ce_type not in index:
                raise RegistryError(f"{topic.name}: {ce_type} has no model")
    if orphans := sorted(index.keys() - homes.keys()):
        raise RegistryError(f"without a topic: {', '.join(orphans)}")
    return homes


_INDEX = models_by_type(declared())
_HOMES: Mapping[str, Topic] = MappingProxyType(topics_by_type(_INDEX, (*TOPICS, PARTNER_TOPIC)))

MODELS: Mapping[str, type[Event]] = MappingProxyType({ce_type: _INDEX[ce_type] for ce_type in _HOMES})
"""Every event that exists, in the order of the topic table."""

_STEMS = frozenset(ce_type.rpartition(".v")[0] for ce_type in MODELS)


def type_of(event: Event | type[Event]) -> str:
    """Return the ce_type that an event, or its class, is published under."""
    return event.event_type


def model_for(ce_type: str) -> type[Event]:
    """Return the model of a type; raise UnsupportedMajor where another major is known, else UnknownType."""
    model = MODELS.get(ce_type)
    if model is not None:
        return model
    parts = _TYPE.fullmatch(ce_type)
    if parts is None:
        raise UnknownType
    if parts[1] in _STEMS:
        raise UnsupportedMajor(parts[1], int(parts[2]))
    raise UnknownType(ce_type)


def topic_for(event: Event | type[Event] | str) -> Topic:
    """Return the topic that an event, its class or its type is first published on, or raise as `model_for` does."""
    ce_type = event if isinstance(event, str) else event.event_type
    home = _HOMES.get(ce_type)
    return home if home is not None else _HOMES[model_for(ce_type).event_type]


def subject_of(event: Event) -> str:
    """Return the id of the aggregate that the event is about."""
    return str(getattr(event, event.aggregate_field))


def key_of(event: Event) -> str:
    """Return the record key: events with the same key are read in the order they were written."""
    return subject_of(event)


def stem_of(ce_type: str) -> str:
    """Return the type without our prefix: the name of its schema file and of its folder of examples."""
    return ce_type.removeprefix(PREFIX)


def dataschema_of(ce_type: str) -> str:
    """Return the URI that identifies the type's JSON Schema; it is that schema's `$id`."""
    return f"urn:maillage:schema:{stem_of(ce_type)}"
