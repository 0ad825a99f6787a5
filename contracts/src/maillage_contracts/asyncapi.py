"""The AsyncAPI 3 document of everything Maillage publishes, made from the models and the topic table.

`schemas/asyncapi.yaml` is this document, committed; a test keeps it current. Descriptions are French first, then
English. Definitions shared by events are hoisted under `components/schemas`, where a reference means one thing only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maillage_contracts.asyncapi_access import SECURITY, SERVERS, Document, both
from maillage_contracts.catalogue import Entry, catalogue
from maillage_contracts.envelope import CONTENT_TYPE_BINARY, CONTENT_TYPE_STRUCTURED
from maillage_contracts.headers import ATTRIBUTES, Attribute
from maillage_contracts.registry import MODELS, RegistryError, stem_of
from maillage_contracts.schema import schema_for
from maillage_contracts.topics import PARTNER_TOPIC, TOPICS, Topic
from maillage_contracts.types import CODE_PATTERN

Examples = Mapping[str, Sequence[tuple[str, Any]]]
"""By stem, each example's name and its bare value."""

ASYNCAPI = "3.0.0"
KAFKA_BINDING = "0.5.0"


def asyncapi(version: str, examples: Examples) -> Document:
    """Return the whole document for a version of the contracts."""
    schemas, messages = _components(examples)
    return {
        "asyncapi": ASYNCAPI,
        "id": "urn:maillage:contracts",
        "info": {
            "title": "Maillage",
            "version": version,
            "description": both(
                "Les événements de Maillage : ce que lit une organisation, par Kafka, par son flux ou par webhook. "
                "Les mêmes événements, les mêmes identifiants, le même ordre.",
                "The events of Maillage: what an organisation reads, over Kafka, its HTTP feed or webhooks. The "
                "same events, ids and order.",
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE_BINARY,
        "servers": SERVERS,
        "channels": {_channel_id(topic): _channel(topic) for topic in (*TOPICS, PARTNER_TOPIC)} | _http_channels(),
        "operations": dict(_operations()),
        "components": {
            "schemas": schemas,
            "messages": messages,
            "messageTraits": {"cloudevents": _trait()},
            "securitySchemes": SECURITY,
        },
    }


def _channel_id(topic: Topic) -> str:
    return topic.name.replace("<code>", "code")


def _channel(topic: Topic) -> Document:
    types = (*topic.types, *topic.relayed_types)
    kept_fr = "sans limite" if topic.retention_days is None else f"{topic.retention_days} jours"
    kept_en = "for ever" if topic.retention_days is None else f"for {topic.retention_days} days"
    config = topic.config
    found: Document = {
        "address": topic.name.replace("<code>", "{code}"),
        "description": both(
            f"Clé : `{topic.key}`. Écrit par `{topic.owner}` seul. Conservé {kept_fr}.",
            f"Key: `{topic.key}`. Written by `{topic.owner}` alone. Kept {kept_en}.",
        ),
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": _references(types),
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [config["cleanup.policy"]],
                    "retention.ms": int(config["retention.ms"]),
                    "max.message.bytes": int(config["max.message.bytes"]),
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }
    if topic is PARTNER_TOPIC:
        found["parameters"] = {"code": {"description": f"Your organisation's code: `{CODE_PATTERN}`."}}
        found["description"] += "\n\nUn événement copié garde la clé et l’identifiant de sa source. A copy keeps both."
    return found


def _http_channels() -> Document:
    types = (*PARTNER_TOPIC.types, *PARTNER_TOPIC.relayed_types)
    feed = both(
        "Votre flux, en CloudEvents structurés : `?after=<curseur>&wait=25`, ou `Accept: text/event-stream`. Deux ans.",
        "Your stream, as structured CloudEvents: `?after=<cursor>&wait=25`, or `Accept: text/event-stream`. Two years.",
    )
    webhook = both(
        "Votre adresse, où chaque événement est posté en CloudEvent structuré, signé.",
        "Your address, to which each event is posted as a structured CloudEvent, signed.",
    )
    return {
        "feed": {
            "address": "/feed",
            "description": feed,
            "servers": [{"$ref": "#/servers/http"}],
            "messages": _references(types),
        },
        "webhook": {"address": None, "description": webhook, "messages": _references(types)},
    }


def _references(types: Sequence[str]) -> Document:
    return {stem_of(ce_type): {"$ref": f"#/components/messages/{stem_of(ce_type)}"} for ce_type in types}


def _operations() -> Iterator[tuple[str, Document]]:
    channels = [(_channel_id(topic), topic.owner) for topic in (*TOPICS, PARTNER_TOPIC)]
    for channel, owner in (*channels, ("feed", PARTNER_TOPIC.owner), ("webhook", PARTNER_TOPIC.owner)):
        operation: Document = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": f"{owner} → {channel}",
        }
        if channel == "webhook":
            operation["security"] = [{"$ref": "#/components/securitySchemes/standardWebhooks"}]
        yield f"send-{channel}", operation


def _components(examples: Examples) -> tuple[Document, Document]:
    schemas: Document = {}
    messages: Document = {}
    for ce_type in MODELS:
        stem = stem_of(ce_type)
        schema = schema_for(ce_type)
        for name, definition in schema.pop("$defs", {}).items():
            if schemas.setdefault(name, _rewritten(definition)) != _rewritten(definition):
                raise RegistryError(f"two different definitions are called {name}")
        schemas[stem] = _rewritten({name: part for name, part in schema.items() if name not in {"$schema", "$id"}})
        messages[stem] = _message(catalogue()[ce_type], examples.get(stem, ()))
    return schemas, messages


def _rewritten(node: Any) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:  # what stands beside a reference is annotation, which the reference replaces
            return {"$ref": node["$ref"].replace("#/$defs/", "#/components/schemas/")}
        return {name: _rewritten(child) for name, child in node.items()}
    return [_rewritten(child) for child in node] if isinstance(node, list) else node


def _message(entry: Entry, examples: Sequence[tuple[str, Any]]) -> Document:
    message: Document = {
        "name": entry.ce_type,
        "title": f"{entry.title.fr} · {entry.title.en}",
        "summary": f"{entry.meaning.fr} · {entry.meaning.en}",
        "description": both(entry.when.fr, entry.when.en),
        "contentType": CONTENT_TYPE_BINARY,
        "traits": [{"$ref": "#/components/messageTraits/cloudevents"}],
        "payload": {"$ref": f"#/components/schemas/{entry.stem}"},
        "examples": [{"name": name, "payload": payload} for name, payload in examples],
        "x-dataschema": schema_for(entry.ce_type)["$id"],
    }
    if entry.deprecation is not None:
        message["x-deprecated"] = {
            "since": entry.deprecation.since.isoformat(),
            "sunset": entry.deprecation.sunset.isoformat(),
            "replaced-by": entry.deprecation.replaced_by,
        }
    return message


def _trait() -> Document:
    members = {f"ce_{attribute.name}": _header(attribute) for attribute in ATTRIBUTES}
    members["content-type"] = {
        "type": "string",
        "description": f"`{CONTENT_TYPE_BINARY}`, or `{CONTENT_TYPE_STRUCTURED}`.",
    }
    return {
        "description": both(
            "CloudEvents 1.0, mode binaire : un en-tête `ce_` par attribut, et la valeur seule. Par HTTP, mode "
            "structuré : les mêmes attributs sans préfixe, et la valeur dans `data`.",
            "CloudEvents 1.0, binary mode: a `ce_` header an attribute, and the bare value. Over HTTP, structured "
            "mode: the same attributes without the prefix, and the value in `data`.",
        ),
        "headers": {
            "type": "object",
            "properties": members,
            "required": [f"ce_{attribute.name}" for attribute in ATTRIBUTES if attribute.required],
        },
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": KAFKA_BINDING}},
    }


def _header(attribute: Attribute) -> Document:
    found: Document = {
        "type": "string",
        "description": f"{attribute.french} · {attribute.english}",
        "examples": [attribute.example],
    }
    if attribute.format is not None:
        found["format"] = attribute.format
    return found
