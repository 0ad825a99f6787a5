"""Requests to join as the partners service answers them: a link, a state, an access shown once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from .fake_state import State, event_id_of, now

CLIENT_ID = "essai-k7m2x9"
SECRET = "un-secret-invente_0123456789"
PASSWORD = "un-mot-de-passe-invente_0123"


def access_of(base: str, code: str, *, with_secrets: bool = False, kafka: bool = True) -> dict[str, Any]:
    """Return where a program reads, with its secrets when they are shown."""
    secret, password = ({"client_secret": SECRET}, {"password": PASSWORD}) if with_secrets else ({}, {})
    topic = {
        "bootstrap": "kafka.exemple.test:9094", "topic": f"partner-{code}-v1", "username": f"partner-{code}",
        "group": f"partner-{code}-main", "security_protocol": "SASL_PLAINTEXT", **password,
    }  # fmt: skip
    return {
        "client_id": CLIENT_ID, "organisation_code": code, "token_url": f"{base}/oauth/token",
        "feed_url": f"{base}/feed", "scopes": ["feed:read"], "kafka": topic if kafka else None, **secret,
    }  # fmt: skip


def add_joining(app: FastAPI, state: State) -> None:
    def held(request: Request) -> Any:
        token = request.headers.get("maillage-join", "")
        state.person_calls.append({"path": request.url.path, "signed_in": "authorization" in request.headers})
        return state.joins.get(token) or JSONResponse({"code": "link_unknown"}, 404)

    @app.post("/join-requests", status_code=201)
    async def ask(request: Request) -> Any:
        key, body = request.headers["idempotency-key"], await request.json()
        if state.refuse:
            return JSONResponse({"code": state.refuse, "errors": [{"field": "legal_number"}]}, 422)
        if key not in state.keys:
            state.keys[key] = str(uuid4())
            state.requests[state.keys[key]] = {
                "join_request_id": state.keys[key], "state": "unconfirmed", "asked_at": now(), "confirmed_at": None,
                **{name: value for name, value in body.items() if name != "contact_email"},
            }  # fmt: skip
        return {"join_request_id": state.keys[key], "state": "unconfirmed"}

    @app.get("/join-request")
    async def read(request: Request) -> Any:
        found = held(request)
        if isinstance(found, Response):
            return found
        approved = found["state"] == "approved"
        access = access_of(str(request.base_url).rstrip("/"), found["organisation"]["code"]) if approved else None
        return {**found, "access": access}

    @app.post("/join-request/{act}")
    async def acted(request: Request, act: str) -> Any:
        found = held(request)
        return found if isinstance(found, Response) else await act_on(state, request, found, act)

    @app.post("/control/join/{token}")
    async def linked(request: Request, token: str) -> None:
        """Have a request to join stand somewhere, by the values to change; the token is that of its link."""
        organisation = {"code": "essai", "name": "Organisation d’essai", "kind": "council"}
        values = await request.json()
        state.joins[token] = {
            "state": "unconfirmed", "organisation": organisation, "refusal_reason": None, "sandbox": True,
            "credentials_available": values.get("state") == "approved", "test_events": [],
            "link_until": "2026-12-28T09:00:00Z", **values,
        }  # fmt: skip

    @app.post("/control/requests")
    async def asked() -> list[dict[str, Any]]:
        return list(state.requests.values())


async def act_on(state: State, request: Request, found: dict[str, Any], act: str) -> Any:
    """Carry out what the holder of a link asks."""
    if act == "confirmation":
        found["state"] = "approved" if found["sandbox"] else "confirmed"
        found["credentials_available"] = found["state"] == "approved"
        return found
    if found["state"] != "approved":
        return JSONResponse({"code": "join_state"}, 409)
    if act == "credentials":
        if not found["credentials_available"]:
            return JSONResponse({"code": "already_shown"}, 410)
        found["credentials_available"] = False
        return access_of(str(request.base_url).rstrip("/"), found["organisation"]["code"], with_secrets=True)
    await state.announce(str(uuid4()), "referrals.referral.submitted")
    event = {
        "event_id": event_id_of(len(state.events)), "type": state.events[-1][1], "sequence": str(len(state.events)),
        "referral_id": state.events[-1][0], "at": now(),
    }  # fmt: skip
    found["test_events"].insert(0, event)
    return JSONResponse(event, 202)
