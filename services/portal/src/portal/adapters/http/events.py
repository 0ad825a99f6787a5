"""The catalogue of events, for whoever connects a program: what each means, when it comes, what it holds, what changed.

Made from the contracts alone: nobody's data, no call to anybody, the same for everybody, signed in or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import groupby
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from maillage_contracts import PARTNER_TOPIC, schema_for
from maillage_contracts.asyncapi import asyncapi
from maillage_contracts.catalogue import Entry, catalogue
from portal.adapters.http.browser import session_of
from portal.adapters.http.pages import page
from portal.domain.errors import NotFound

router = APIRouter()

ADDRESS = "/evenements"


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field of an event, as a line of a table; a block's fields follow it with its name before theirs."""

    name: str
    type: str
    required: bool
    description: str


def entry_of(stem: str) -> Entry:
    """Return an event by the name it has in addresses; raises NotFound where there is none."""
    found = next((entry for entry in catalogue().values() if entry.stem == stem), None)
    if found is None:
        raise NotFound
    return found


def field_lines(schema: dict[str, Any]) -> list[FieldLine]:
    """Return every field of a schema, blocks and the items of lists included."""
    return list(_lines(schema, schema.get("$defs", {}), ""))


def _lines(node: dict[str, Any], definitions: dict[str, Any], before: str) -> Iterator[FieldLine]:
    for name, member in node.get("properties", {}).items():
        described = member.get("description", "")
        inner, nullable = _resolved(member, definitions)
        suffix = ""
        while inner["type"] == "array":
            inner, _ = _resolved(inner["items"], definitions)
            suffix += "[]"
        kind = inner.get("format", inner["type"]) + suffix + (" | null" if nullable else "")
        yield FieldLine(
            before + name, kind, name in node.get("required", ()), described or inner.get("description", "")
        )
        yield from _lines(inner, definitions, f"{before}{name}{suffix}.")


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    nullable = "anyOf" in node
    inner = node["anyOf"][0] if nullable else node
    return (definitions[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner), nullable


@cache
def whole_document() -> dict[str, Any]:
    """Return the AsyncAPI document, with one example an event."""
    examples = {entry.stem: [("typical", entry.example)] for entry in catalogue().values()}
    return asyncapi(version("maillage-contracts"), examples)


@router.get(ADDRESS)
async def events(request: Request) -> Response:
    families = [(topic, list(entries)) for topic, entries in groupby(catalogue().values(), lambda entry: entry.topic)]
    # What a partner receives comes first; the rest is for those who run the platform.
    families.sort(key=lambda family: not family[1][0].on_partner_streams)
    retention = PARTNER_TOPIC.retention_days
    return page(request, "events.html", session=await session_of(request), families=families, retention=retention)


@router.get(f"{ADDRESS}/asyncapi.json")
async def asyncapi_document() -> Response:
    return JSONResponse(whole_document(), headers={"Cache-Control": "public, max-age=3600"})


@router.get(f"{ADDRESS}/{{stem}}/schema.json")
async def schema_document(stem: str) -> Response:
    headers = {"Cache-Control": "public, max-age=3600"}
    return JSONResponse(schema_for(entry_of(stem).ce_type), headers=headers, media_type="application/schema+json")


@router.get(f"{ADDRESS}/{{stem}}")
async def event(request: Request, stem: str) -> Response:
    entry = entry_of(stem)
    replaced_by = entry.deprecation.replaced_by if entry.deprecation is not None else None
    return page(
        request,
        "event.html",
        session=await session_of(request),
        entry=entry,
        lines=field_lines(schema_for(entry.ce_type)),
        example=json.dumps(entry.example, indent=2, ensure_ascii=False),
        successor=catalogue().get(replaced_by) if replaced_by is not None else None,
    )
