"""The attributes of every event, as they travel: which are always there, and what each one means.

One table for the AsyncAPI document, the compatibility gate and the documentation. A test holds it to what
`envelope.attributes_of` writes.
"""

from __future__ import annotations

from dataclasses import dataclass

UUID_PATTERN = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One CloudEvents attribute; its Kafka header has the prefix `ce_`."""

    name: str
    required: bool
    french: str
    english: str
    example: str
    format: str | None = None


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("specversion", True, "Version de CloudEvents.", "Version of CloudEvents.", "1.0"),
    Attribute(
        "id",
        True,
        "Identifie l’événement : le même à chaque livraison et par chaque canal. Dédoublonnez dessus.",
        "Identifies the event: the same at each delivery and on every channel. Deduplicate on it.",
        "019cade2-1238-74e6-ad24-ec636a8a271e",
        "uuid",
    ),
    Attribute(
        "source",
        True,
        "`/<service>`, ou `/partners/<code>` sur le flux d’une organisation.",
        "`/<service>`, or `/partners/<code>` on an organisation's own stream.",
        "/partners/cd93",
    ),
    Attribute(
        "type",
        True,
        "Le type de l’événement, avec sa version majeure.",
        "The type of the event, with its major version.",
        "fr.maillage.referrals.referral.submitted.v1",
    ),
    Attribute(
        "subject",
        True,
        "L’identifiant de ce dont parle l’événement.",
        "The id of what the event is about.",
        "019cade2-11c0-71e8-9818-f8c99d5d3195",
    ),
    Attribute(
        "time",
        True,
        "Quand l’événement a été enregistré, en UTC.",
        "When the event was recorded, in UTC.",
        "2026-03-02T09:30:00.120000Z",
        "date-time",
    ),
    Attribute(
        "dataschema",
        True,
        "L’identifiant (`$id`) du schéma JSON de la valeur.",
        "The `$id` of the value's JSON Schema.",
        "urn:maillage:schema:referrals.referral.submitted.v1",
    ),
    Attribute(
        "partitionkey",
        True,
        "La clé Kafka : l’ordre est garanti pour une même clé.",
        "The Kafka key: order is guaranteed within a key.",
        "019cade2-11c0-71e8-9818-f8c99d5d3195",
    ),
    Attribute(
        "correlationid",
        True,
        "L’histoire à laquelle l’événement appartient ; tout ce qu’il cause en hérite.",
        "The story that the event belongs to; everything it causes inherits it.",
        "019cade2-11bf-7417-9c3d-d9f73817118d",
        "uuid",
    ),
    Attribute(
        "causationid",
        False,
        "L’événement qui a causé celui-ci ; absent quand c’est une personne ou l’horloge.",
        "The event that caused this one; absent where a human or the clock did.",
        "019cade2-1238-74e6-ad24-ec636a8a271e",
        "uuid",
    ),
    Attribute(
        "traceparent",
        False,
        "Le contexte de trace (W3C) où l’événement est né.",
        "The W3C trace context in which the event was created.",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
)
"""In the order in which they are written."""
