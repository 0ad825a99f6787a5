"""The services as the portal sees them, in memory: for pages, never for contracts.

Run it with `python -m tests.browser.fake_services PORT`. `/control/...` makes it fail or moves a story on, which only
tests can do.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4, uuid5

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from .fake_appointments import add_appointments, add_person
from .fake_joining import add_joining
from .fake_partners import add_organisations, partner_of
from .fake_state import (
    ASSOCIATION,
    COMMUNES,
    COUNCIL,
    MEMBERS,
    NAMESPACE,
    ORGANISATION_OF,
    PERSON,
    REACH,
    State,
    caller,
    event_id_of,
    now,
)
from .fake_story import accompaniment_of, add_accompaniments, add_sessions

ALLOWED = {
    ("cd93", "submitted"): ["receipt", "review", "decline"],
    ("cd93", "received"): ["review", "decline"],
    ("cd93", "under_review"): ["acceptance", "decline"],
    ("cd93", "overdue"): ["receipt", "review", "acceptance", "decline"],
    ("entraide", "submitted"): ["withdrawal", "move"],
    ("entraide", "received"): ["withdrawal", "move"],
    ("entraide", "under_review"): ["withdrawal", "move"],
}
REACHED = {"receipt": "received", "review": "under_review", "acceptance": "accepted", "decline": "declined"}


def referral(n: int, **values: Any) -> dict[str, Any]:
    """Return an invented referral, the n-th."""
    at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC) - timedelta(hours=31 * n)
    code = list(COMMUNES)[n % len(COMMUNES)]
    base = {
        "referral_id": str(uuid5(NAMESPACE, f"referral {n}")),
        "status": "submitted",
        "version": 1,
        "commune": {"code": code, "name": COMMUNES[code]},
        "themes": ["logement-hebergement--louer-un-logement", "numerique--acceder-a-des-services-en-ligne"],
        "submitted_at": at.isoformat(),
        "changed_at": at.isoformat(),
        "council": {**COUNCIL, **REACH},
        "referrer": ASSOCIATION,
        "person": {**PERSON, "last_name": f"Exemple-{n:02d}"},
        "note": "Préfère être appelée le matin.",
        "history": [step("submitted", at)],
    }
    return {**base, **values}


def step(status: str, at: datetime, **values: Any) -> dict[str, Any]:
    """Return a line of a history, by the organisation that does such a thing."""
    who = ASSOCIATION if status in ("submitted", "withdrawn") else COUNCIL
    by = "system" if status in ("overdue", "expired") else "referrer" if who is ASSOCIATION else "receiver"
    name = None if by == "system" else who["name"]
    return {"at": at.isoformat(), "status": status, "by": by, "organisation_name": name, **values}


def create_fake() -> FastAPI:
    """Return the services as one application."""
    app = FastAPI()
    state = app.state.fake = State()

    @app.middleware("http")
    async def failing(request: Request, proceed: Any) -> Response:
        if service_of(request.url.path) in state.down:
            return Response(status_code=503)
        answer: Response = await proceed(request)
        return answer

    add_partners(app, state)
    add_joining(app, state)
    add_organisations(app, state)
    add_accompaniments(app, state)
    add_sessions(app, state)
    add_appointments(app, state)
    add_person(app, state)
    add_referrals(app, state)
    add_control(app, state)
    return app


SERVICES = {
    "control": "", "referrals": "referrals", "accompaniments": "referrals", "employment-services": "referrals",
    "appointments": "registration", "person": "registration", "sessions": "training",
}  # fmt: skip


def service_of(path: str) -> str:
    """Return the service that a path belongs to."""
    return SERVICES.get(path.split("/")[1], "partners")


def add_partners(app: FastAPI, state: State) -> None:
    @app.post("/oauth/token")
    async def token(request: Request) -> dict[str, Any]:
        form = await request.form()
        member = str(form.get("subject_token", ""))
        code = ORGANISATION_OF.get(member, "portal")
        return {"access_token": code, "token_type": "Bearer", "expires_in": 300}

    @app.get("/members")
    async def members(request: Request) -> Any:
        # The portal asks for everybody, a manager for their own organisation.
        return MEMBERS if caller(request) == "portal" else {"items": partner_of(state, caller(request))["members"]}

    @app.get("/feed/export")
    async def export(request: Request) -> Response:
        asked = request.query_params
        lines = [f"{number},{asked['from']},{asked['to']},{caller(request)}\r\n" for number in range(2000)]
        return Response("".join(lines), media_type="text/csv" if asked["format"] == "csv" else "application/jsonl")

    @app.get("/feed")
    async def feed(request: Request, after: str = "0", wait: float = 0) -> dict[str, Any]:
        position = int(after)
        state.polls[caller(request)] += 1
        try:
            async with asyncio.timeout(wait), state.changed:
                await state.changed.wait_for(lambda: len(state.events) > position)
        except TimeoutError:
            pass
        finally:
            state.polls[caller(request)] -= 1
        events = [
            {"id": event_id_of(n), "sequence": str(n), "type": kind, "data": {"referral_id": one}}
            for n, (one, kind) in enumerate(state.events[position:], position + 1)
        ]
        return {"events": events, "cursor": str(len(state.events)), "more": False}


def add_referrals(app: FastAPI, state: State) -> None:
    @app.get("/referrals")
    async def listed(request: Request, status: str = "") -> dict[str, Any]:
        everything = sorted(state.referrals.values(), key=lambda one: one["submitted_at"], reverse=True)
        counts: dict[str, int] = {}
        for one in everything:
            counts[one["status"]] = counts.get(one["status"], 0) + 1
        items = [
            {**one, "person_name": f"{one['person']['first_name']} {one['person']['last_name']}"}
            for one in everything
            if status in ("", one["status"])
        ]
        return {"items": items, "cursor": None, "counts": counts}

    @app.post("/referrals", status_code=201)
    async def submit(request: Request) -> Any:
        key, body = request.headers["idempotency-key"], await request.json()
        if state.refuse:
            return JSONResponse({"code": state.refuse, "errors": []}, 422)
        if key in state.keys:
            return state.referrals[state.keys[key]]
        state.sent += 1
        made = referral(0, referral_id=str(uuid4()), themes=body["themes"], note=body["note"], person=body["person"])
        made["commune"] = {"code": body["commune"], "name": COMMUNES.get(body["commune"], body["commune"])}
        state.referrals[made["referral_id"]] = made
        state.keys[key] = made["referral_id"]
        return made

    @app.get("/referrals/{referral_id}")
    async def one(request: Request, referral_id: str) -> Any:
        found = state.referrals.get(referral_id)
        if found is None:
            return JSONResponse({"code": "not_found"}, 404)
        name = f"{found['person']['first_name']} {found['person']['last_name']}"
        allowed = ALLOWED.get((caller(request), found["status"]), [])
        together = accompaniment_of(state, referral_id)
        history = [
            one for one in found["history"]
            if one["status"] != "appointment_missed" or caller(request) != ASSOCIATION["code"]
        ]  # fmt: skip
        return {**found, "history": history, "person_name": name, "allowed": allowed, "accompaniment": together}

    @app.post("/referrals/{referral_id}/{command}")
    async def command(request: Request, referral_id: str, command: str) -> Any:
        found, key = state.referrals[referral_id], request.headers.get("idempotency-key", "")
        if command == "move" and key in state.keys:
            return found
        if command not in ALLOWED.get((caller(request), found["status"]), []):
            return JSONResponse({"code": "illegal_transition"}, 409)
        if command == "move":
            return await rehouse(state, found, request)
        details = await request.json() if command == "decline" else {}
        await move(state, referral_id, REACHED.get(command, "withdrawn"), **details)
        return found


async def rehouse(state: State, found: dict[str, Any], request: Request) -> Any:
    """Have the person of a referral live elsewhere, where another council answers."""
    if state.refuse:
        return JSONResponse({"code": state.refuse, "errors": []}, 422)
    code = (await request.json())["commune"]
    if code == found["commune"]["code"]:
        return JSONResponse({"code": "same_commune"}, 409)
    state.keys[request.headers["idempotency-key"]] = found["referral_id"]
    found["commune"] = {"code": code, "name": COMMUNES.get(code, code)}
    found["council"] = {**COUNCIL, **REACH, "code": "lyon", "name": "Métropole de l’Exemple"}
    await move(state, found["referral_id"], "moved")
    found["status"] = "submitted"
    return found


async def move(state: State, referral_id: str, status: str, **details: Any) -> None:
    """Bring a referral to a status, and say so on the feed."""
    found = state.referrals[referral_id]
    found["status"] = status
    found["version"] += 1
    found["history"].append(step(status, datetime.now(UTC), **details))
    await state.announce(referral_id, f"referrals.referral.{status}")


def add_control(app: FastAPI, state: State) -> None:
    @app.post("/control/fill")
    async def fill(request: Request) -> dict[str, Any]:
        """Replace all referrals by those posted, each a number or the values to change."""
        wanted = await request.json()
        state.forget()
        state.referrals |= {one["referral_id"]: one for one in (referral(n, **v) for n, v in enumerate(wanted))}
        return {"ids": list(state.referrals)}

    @app.post("/control/move/{referral_id}/{status}")
    async def moved(referral_id: str, status: str) -> None:
        await move(state, referral_id, status)

    @app.post("/control/elsewhere/{referral_id}/{late}")
    async def elsewhere(request: Request, referral_id: str, late: float) -> None:
        """Say on the feed what another service did, and only `late` seconds afterwards on the referral."""
        wanted = await request.json()
        await state.announce(referral_id, wanted["type"])
        await asyncio.sleep(late)
        state.referrals[referral_id]["history"].append({"at": now(), **wanted["step"]})

    @app.post("/control/history/{referral_id}")
    async def history(referral_id: str) -> Any:
        return state.referrals[referral_id]["history"]

    @app.post("/control/set")
    async def settings(request: Request) -> None:
        """Choose which services are down and which refusal is answered."""
        wanted = await request.json()
        state.down = set(wanted.get("down", []))
        state.refuse = wanted.get("refuse", "")
        state.unidentified = wanted.get("unidentified", False)

    @app.get("/control/state")
    async def seen() -> dict[str, Any]:
        return {
            "polls": state.polls, "sent": state.sent, "referrals": len(state.referrals),
            "accompaniments": state.accompaniments, "appointments": state.appointments,
            "person_calls": state.person_calls,
        }  # fmt: skip


if __name__ == "__main__":
    uvicorn.run(
        create_fake(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1
    )
