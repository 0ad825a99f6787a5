"""The JSON Schema of each event, generated from its model.

A schema describes what writers emit. It is open: an event of a later minor version, with more fields,
still validates. The committed files under `schemas/` are these same documents.
"""

from __future__ import annotations

from typing import Any

from maillage_contracts.registry import dataschema_of, model_for

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_for(ce_type: str) -> dict[str, Any]:
    """Return the schema of a type; its `$id` is the `dataschema` of every such event."""
    generated = model_for(ce_type).model_json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": dataschema_of(ce_type), **generated}
