"""`GET /explanations`: why an organisation did, or did not, receive an event, in codes and in sentences.

An organisation that asks about an event outside its scope, and one that asks about an event that does not exist, get
the same answer. What else it holds then is the rule for their kind of organisation, which is in the documentation.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from chassis.auth import Caller, require
from chassis.runtime import Runtime, runtime_of
from chassis.sentences import Said
from partners.adapters.http.explanation_sentences import FATES, LEFT_SCOPE, OUTCOMES, RULES, SINCE_ERASED, TO_OPERATORS
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.evidence import PostgresEvidence
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.subscribers import MATTERS
from partners.app.explain_event import explain_event
from partners.domain.errors import NotFound
from partners.domain.explanation import Explanation, Outcome
from partners.domain.organisation import PARTNERS, Kind
from partners.domain.stream import SHOWN

router = APIRouter()

Parts = Annotated[Runtime, Depends(runtime_of)]
EventId = Annotated[UUID, Query(description="The CloudEvents id of the event.")]


@router.get("/explanations")
async def explain(
    event_id: EventId, caller: Annotated[Caller, require("feed:read")], runtime: Parts, response: Response
) -> dict[str, Any]:
    """Say why the caller's organisation did, or did not, receive an event."""
    return await _explain(runtime, response, caller.organisation_code, event_id, to_operator=False)


@router.get("/organisations/{code}/explanations")
async def explain_for(
    event_id: EventId,
    code: Annotated[str, Path(pattern=r"^[a-z0-9]{2,20}$")],
    _: Annotated[Caller, require("operations")],
    runtime: Parts,
    response: Response,
) -> dict[str, Any]:
    """Say why an organisation did, or did not, receive an event: the whole decision."""
    return await _explain(runtime, response, code, event_id, to_operator=True)


async def _explain(
    runtime: Runtime, response: Response, code: str, event_id: UUID, *, to_operator: bool
) -> dict[str, Any]:
    response.headers["cache-control"] = "no-store"
    async with refusals(), runtime.db.connection() as tx:
        organisation = await PostgresOrganisations(tx).find(code)
        if organisation is None or organisation.kind not in PARTNERS:
            raise NotFound
        found = await explain_event(
            PostgresEvidence(tx),
            organisation.organisation_id,
            event_id,
            runtime.clock.now(),
            to_operator=to_operator,
        )
    return explanation_document(code, organisation.kind, event_id, found, to_operator=to_operator)


def explanation_document(
    code: str, kind: Kind, event_id: UUID, found: Explanation, *, to_operator: bool
) -> dict[str, Any]:
    """Return the answer, in the words for an operator or in those for the organisation itself."""
    sentence = OUTCOMES[found.outcome]
    if to_operator:
        sentence = TO_OPERATORS.get(found.outcome, sentence)
    return {
        "event_id": str(event_id),
        "organisation": code,
        "received": found.outcome is Outcome.RECEIVED,
        "code": found.outcome.value,
        **_said(sentence),
        "type": found.ce_type,
        "subject": found.subject,
        "sequence": None if found.position is None else str(found.position),
        "stored_at": found.stored_at,
        "masked": list(found.masked),
        "since": _since(found),
        "webhooks": [
            {"webhook_id": str(webhook_id), "code": fate.value, **_said(FATES[fate])}
            for webhook_id, fate in found.webhooks
        ],
        "rule": {**_said(RULES[kind]), "types_withheld": withheld_types(kind)},
    }


def withheld_types(kind: Kind) -> list[str]:
    """Return the types that no organisation of this kind is ever told of."""
    return sorted(model.event_type for model, matter in MATTERS.items() if matter not in SHOWN[kind])


def _since(found: Explanation) -> list[dict[str, Any]]:
    since: list[dict[str, Any]] = []
    if found.left_scope_position is not None:
        since.append({"code": "left_scope", "sequence": str(found.left_scope_position), **_said(LEFT_SCOPE)})
    if found.erased_since:
        since.append({"code": "person_erased", "sequence": None, **_said(SINCE_ERASED)})
    return since


def _said(said: Said) -> dict[str, str]:
    return {"fr": said.fr, "en": said.en}
