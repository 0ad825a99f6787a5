"""An organisation's programs, members and webhooks, and what operators decide, as the partners service answers them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response

from maillage_contracts import PARTNER_TOPIC, PersonErased, type_of

from .fake_state import ASSOCIATION, COUNCIL, PROVIDER, SERVICE, State, caller, now

ORGANISATIONS = {one["code"]: one for one in (ASSOCIATION, COUNCIL, SERVICE, PROVIDER)}
ERASED = type_of(PersonErased)
ACTS = {"pause": "paused", "resume": "active", "verification": "active"}


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def secret(hours: float, expires: str | None = None) -> dict[str, Any]:
    return {"secret_id": str(uuid4()), "created_at": ago(hours), "expires_at": expires}


def partner_of(state: State, code: str) -> dict[str, Any]:
    """Return what an organisation has: one program used today, one never, and nothing else yet."""
    if code not in state.partners:
        scopes = ["feed:read", "webhooks:manage", "referrals:read"]
        state.partners[code] = {
            "clients": [
                {"client_id": f"{code}-k7m2x9", "scopes": scopes, "created_at": ago(900), "last_used_at": ago(1),
                 "secrets": [secret(900)]},
                {"client_id": f"{code}-p3q8r5", "scopes": scopes[:1], "created_at": ago(90), "last_used_at": None,
                 "secrets": [secret(90)]},
            ],
            "members": [
                {"member_id": str(uuid4()), "role": "caseworker", "label": "Assistante sociale, Montreuil"},
                {"member_id": str(uuid4()), "role": "manager", "label": "Responsable des accès"},
            ],
            "webhooks": {}, "log": {}, "types": None, "version": 1,
        }  # fmt: skip
    return state.partners[code]


def add_organisations(app: FastAPI, state: State) -> None:
    for prefix in ("", "/organisations/{code}"):
        app.include_router(_clients(state), prefix=prefix)
        app.include_router(_members(state, own=not prefix), prefix=prefix)
        app.include_router(_webhooks(state), prefix=prefix)
        app.include_router(_types(state), prefix=prefix)
    _operators(app, state)

    @app.post("/control/webhook/{code}")
    async def webhook(request: Request, code: str) -> dict[str, Any]:
        """Add a webhook, by the values to change, and so many lines of its log."""
        values = await request.json()
        lines = values.pop("log", [])
        return make_webhook(state, code, values, lines)

    @app.post("/control/requests/add")
    async def request_to_join(request: Request) -> dict[str, Any]:
        values = await request.json()
        made = {
            "join_request_id": str(uuid4()), "state": "confirmed", "name": "Département de l’Exemple",
            "kind": "council", "legal_number": "229300082", "phone": "01 99 00 12 34", "language": "fr",
            "postal_address": "1 place de l’Exemple\n00000 Exempleville", "sandbox": False, "asked_at": ago(30),
            "territory": {"communes": ["93048"], "epcis": [], "departements": [], "collectivities": ["93D"]},
            "confirmed_at": ago(29), "suggested_code": "cd00", **values,
        }  # fmt: skip
        state.requests[made["join_request_id"]] = made
        return made


def whose(state: State, request: Request) -> dict[str, Any]:
    return partner_of(state, request.path_params.get("code") or caller(request))


def _clients(state: State) -> APIRouter:
    router = APIRouter()

    def named(request: Request, client_id: str) -> dict[str, Any] | None:
        return next((one for one in whose(state, request)["clients"] if one["client_id"] == client_id), None)

    @router.get("/clients")
    async def listed(request: Request) -> dict[str, Any]:
        return {"items": whose(state, request)["clients"]}

    @router.post("/clients", status_code=201)
    async def made(request: Request) -> dict[str, Any]:
        made = {"client_id": f"essai-{uuid4().hex[:6]}", "scopes": ["feed:read"], "created_at": now(),
                "last_used_at": None, "secrets": [secret(0)]}  # fmt: skip
        whose(state, request)["clients"].append(made)
        return {"client_id": made["client_id"], "client_secret": f"secret-{uuid4().hex}", "scopes": made["scopes"]}

    @router.post("/clients/{client_id}/secrets", status_code=201)
    async def rotated(request: Request, client_id: str) -> Any:
        found = named(request, client_id)
        if found is None:
            return JSONResponse({"code": "not_found"}, 404)
        if len(found["secrets"]) > 1:
            return JSONResponse({"code": "too_many_secrets"}, 409)
        hours = (await request.json())["overlap_hours"]
        found["secrets"] = [{**found["secrets"][-1], "expires_at": ago(-hours)}, secret(0)]
        return {"secret_id": found["secrets"][-1]["secret_id"], "client_secret": f"secret-{uuid4().hex}"}

    @router.delete("/clients/{client_id}/secrets/{secret_id}", status_code=204)
    async def ended(request: Request, client_id: str, secret_id: str) -> Response:
        found = named(request, client_id)
        if found is None:
            return JSONResponse({"code": "not_found"}, 404)
        if [one["secret_id"] for one in found["secrets"]] == [secret_id]:
            return JSONResponse({"code": "last_secret"}, 409)
        found["secrets"] = [one for one in found["secrets"] if one["secret_id"] != secret_id]
        return Response(status_code=204)

    @router.delete("/clients/{client_id}", status_code=204)
    async def revoked(request: Request, client_id: str) -> Response:
        clients, found = whose(state, request)["clients"], named(request, client_id)
        if found is None:
            return JSONResponse({"code": "not_found"}, 404)
        clients.remove(found)
        return Response(status_code=204)

    return router


def _members(state: State, *, own: bool) -> APIRouter:
    router = APIRouter()

    if not own:  # An organisation's own list stands where the portal asks for everybody's.

        @router.get("/members")
        async def listed(request: Request) -> dict[str, Any]:
            return {"items": whose(state, request)["members"]}

    @router.post("/members", status_code=201)
    async def added(request: Request) -> Any:
        body, members = await request.json(), whose(state, request)["members"]
        if any(one["label"] == body["label"] and one["role"] != body["role"] for one in members):
            return JSONResponse({"code": "label_taken"}, 409)
        if body not in [{"role": one["role"], "label": one["label"]} for one in members]:
            members.append({"member_id": str(uuid4()), **body})
        return body

    @router.put("/members/{member_id}")
    async def changed(request: Request, member_id: str) -> Any:
        (found,) = [one for one in whose(state, request)["members"] if one["member_id"] == member_id]
        found |= await request.json()
        return found

    @router.delete("/members/{member_id}", status_code=204)
    async def removed(request: Request, member_id: str) -> Response:
        members = whose(state, request)["members"]
        managers = [one for one in members if one["role"] == "manager"]
        if [one["member_id"] for one in managers] == [member_id]:
            return JSONResponse({"code": "last_manager"}, 409)
        members[:] = [one for one in members if one["member_id"] != member_id]
        return Response(status_code=204)

    return router


def make_webhook(state: State, code: str, values: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Add a webhook with a log."""
    made = {
        "webhook_id": str(uuid4()), "url": "https://hooks.exemple.test/maillage", "event_types": None,
        "state": "pending", "reason": None, "waiting": 0, "waiting_since": None, "redelivery": None,
        "failures_in_a_row": 0, "last_success_at": None, "secrets": [secret(1)], "created_at": ago(1), **values,
    }  # fmt: skip
    partner = partner_of(state, code)
    partner["webhooks"][made["webhook_id"]] = made
    partner["log"][made["webhook_id"]] = [attempt(n, **line) for n, line in enumerate(lines)]
    return made


def attempt(n: int, **values: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()), "type": "fr.maillage.referrals.referral.submitted.v1", "sequence": "1",
        "kind": "event", "attempt": 1, "at": ago(n), "took_ms": 84, "outcome": "delivered", "status": 204,
        "answer": "", "next_attempt_at": None, **values,
    }  # fmt: skip


def _webhooks(state: State) -> APIRouter:
    router = APIRouter()

    @router.get("/webhooks")
    async def listed(request: Request) -> dict[str, Any]:
        return {"items": list(whose(state, request)["webhooks"].values())}

    @router.post("/webhooks", status_code=201)
    async def added(request: Request) -> Any:
        body, code = await request.json(), request.path_params.get("code") or caller(request)
        if not body["url"].startswith("https://"):
            return JSONResponse({"code": "webhook_address_refused", "errors": [{"field": "url"}]}, 422)
        return {**make_webhook(state, code, body, []), "secret": "whsec_dW4gc2VjcmV0IGludmVudMOp"}

    @router.get("/webhooks/{webhook_id}")
    async def shown(request: Request, webhook_id: str) -> Any:
        found = whose(state, request)["webhooks"].get(webhook_id)
        return found or JSONResponse({"code": "not_found"}, 404)

    @router.delete("/webhooks/{webhook_id}", status_code=204)
    async def deleted(request: Request, webhook_id: str) -> None:
        whose(state, request)["webhooks"].pop(webhook_id, None)

    @router.get("/webhooks/{webhook_id}/deliveries")
    async def deliveries(request: Request, webhook_id: str, outcome: str = "") -> dict[str, Any]:
        lines = whose(state, request)["log"][webhook_id]
        wanted = [one for one in lines if not outcome or (one["outcome"] == "delivered") == (outcome == "delivered")]
        return {"items": wanted, "before": 7 if len(lines) > 3 else None}

    @router.post("/webhooks/{webhook_id}/{act}")
    async def acted(request: Request, webhook_id: str, act: str) -> Any:
        partner = whose(state, request)
        found, log = partner["webhooks"][webhook_id], partner["log"][webhook_id]
        if act == "secrets":
            found["secrets"] = [*found["secrets"], secret(0)]
            return JSONResponse({"secret_id": "s", "secret": "whsec_dW4gYXV0cmU="}, 201)
        if act == "test":
            log.insert(0, attempt(0, kind="test", type="fr.maillage.partners.webhook.test.v1"))
            return {"event_id": log[0]["event_id"], "outcome": "delivered", "status": 204, "took_ms": 84, "answer": ""}
        if act == "redelivery":
            body = await request.json()
            if body.get("event_id") == "inconnu":
                return JSONResponse({"code": "not_found"}, 404)
            log.insert(0, attempt(0, kind="redelivery", event_id=body.get("event_id", "since")))
            return found
        found["state"] = ACTS[act]
        return found

    return router


def _types(state: State) -> APIRouter:
    router = APIRouter()

    def document(partner: dict[str, Any]) -> dict[str, Any]:
        available = sorted({*PARTNER_TOPIC.relayed_types} - {ERASED})
        always = [*sorted(PARTNER_TOPIC.types), ERASED]
        chosen = {"event_types": partner["types"], "version": partner["version"]}
        return {**chosen, "always": always, "available": available}

    @router.get("/event-types")
    async def shown(request: Request) -> dict[str, Any]:
        return document(whose(state, request))

    @router.put("/event-types")
    async def chosen(request: Request) -> dict[str, Any]:
        partner = whose(state, request)
        partner["types"] = (await request.json())["event_types"]
        partner["version"] += 1
        return document(partner)

    return router


def _operators(app: FastAPI, state: State) -> None:
    @app.get("/organisations")
    async def listed() -> dict[str, Any]:
        return {"items": list(ORGANISATIONS.values())}

    @app.get("/organisations/{code}")
    async def one(code: str) -> Any:
        return ORGANISATIONS.get(code) or JSONResponse({"code": "not_found"}, 404)

    @app.get("/join-requests")
    async def requests(request: Request) -> dict[str, Any]:
        wanted = request.query_params.get("state", "")
        return {"items": [one for one in state.requests.values() if wanted in ("", one["state"])]}

    @app.get("/join-requests/{request_id}")
    async def request(request_id: str) -> Any:
        return state.requests.get(request_id) or JSONResponse({"code": "not_found"}, 404)

    @app.post("/join-requests/{request_id}/{act}")
    async def decided(request: Request, request_id: str, act: str) -> Any:
        found, body = state.requests[request_id], await request.json()
        if found["state"] != "confirmed":
            return JSONResponse({"code": "join_state"}, 409)
        if act == "approval" and body["code"] in ORGANISATIONS:
            return JSONResponse({"code": "code_taken"}, 409)
        found["state"] = "approved" if act == "approval" else "refused"
        found["refusal_reason"] = body.get("reason")
        return found
