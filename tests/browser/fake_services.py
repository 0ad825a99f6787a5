"""The partners and referrals services as the portal sees them, in memory: for pages, never for contracts.

Run it with `python fake_services.py PORT`. Its people are invented. `/control/...` makes it fail or move a referral on,
which only tests can do.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

NAMESPACE = UUID("4f0a4b0e-0000-4000-8000-000000000000")
ASSOCIATION = {"code": "entraide", "name": "Entraide Exemple", "kind": "association"}
COUNCIL = {"code": "cd93", "name": "Conseil départemental de l’Exemple", "kind": "council"}
PHONES = {"phone": "+33199001234", "postal_address": "Hôtel du département, 1 place de l’Exemple\n00000 Exempleville"}
VOLUNTEER, CASEWORKER = (str(uuid5(NAMESPACE, name)) for name in ("volunteer", "caseworker"))
MEMBERS = [
    {"member_id": VOLUNTEER, "label": "Bénévole A", "organisation": ASSOCIATION},
    {"member_id": CASEWORKER, "label": "Travailleuse sociale B", "organisation": COUNCIL},
]
ORGANISATION_OF = {VOLUNTEER: ASSOCIATION["code"], CASEWORKER: COUNCIL["code"]}
ALLOWED = {
    ("cd93", "submitted"): ["receipt", "review", "decline"],
    ("cd93", "received"): ["review", "decline"],
    ("cd93", "under_review"): ["acceptance", "decline"],
    ("cd93", "overdue"): ["receipt", "review", "acceptance", "decline"],
    ("entraide", "submitted"): ["withdrawal"],
    ("entraide", "received"): ["withdrawal"],
    ("entraide", "under_review"): ["withdrawal"],
}
REACHED = {"receipt": "received", "review": "under_review", "acceptance": "accepted", "decline": "declined"}
PERSON = "fr.maillage.registration.person.identified.v1"
COMMUNES = {"93048": "Montreuil", "93066": "Saint-Denis", "93008": "Bobigny"}


@dataclass
class State:
    """Everything the fake remembers."""

    referrals: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    refuse: str = ""
    polls: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


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
        "council": {**COUNCIL, **PHONES},
        "referrer": ASSOCIATION,
        "person": {
            "first_name": "Camille",
            "last_name": f"Exemple-{n:02d}",
            "birth_date": "1988-05-03",
            "phone": "+33639980000",
            "email": "camille@exemple.test",
            "address": "1 rue de l’Exemple",
        },
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
    """Return both services as one application."""
    app = FastAPI()
    state = app.state.fake = State()

    @app.middleware("http")
    async def failing(request: Request, proceed: Any) -> Response:
        path = request.url.path
        service = "referrals" if path.startswith("/referrals") else "partners"
        if service in state.down and not path.startswith("/control"):
            return Response(status_code=503)
        answer: Response = await proceed(request)
        return answer

    add_partners(app, state)
    add_referrals(app, state)
    add_control(app, state)
    return app


def caller(request: Request) -> str:
    """Return the organisation code that the fake's token stands for."""
    return request.headers["authorization"].removeprefix("Bearer ")


def add_partners(app: FastAPI, state: State) -> None:
    @app.post("/oauth/token")
    async def token(request: Request) -> dict[str, Any]:
        form = await request.form()
        member = str(form.get("subject_token", ""))
        code = ORGANISATION_OF.get(member, "portal")
        return {"access_token": code, "token_type": "Bearer", "expires_in": 300}

    @app.get("/members")
    async def members() -> list[dict[str, Any]]:
        return MEMBERS

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
        events = [{"type": kind, "data": {"referral_id": one}} for one, kind in state.events[position:]]
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
        return {**found, "person_name": name, "allowed": ALLOWED.get((caller(request), found["status"]), [])}

    @app.post("/referrals/{referral_id}/{command}")
    async def command(request: Request, referral_id: str, command: str) -> Any:
        found = state.referrals[referral_id]
        if command not in ALLOWED.get((caller(request), found["status"]), []):
            return JSONResponse({"code": "illegal_transition"}, 409)
        details = await request.json() if command == "decline" else {}
        await move(state, referral_id, REACHED.get(command, "withdrawn"), **details)
        return found


async def move(state: State, referral_id: str, status: str, **details: Any) -> None:
    """Bring a referral to a status, and say so on the feed."""
    found = state.referrals[referral_id]
    found["status"] = status
    found["version"] += 1
    found["history"].append(step(status, datetime.now(UTC), **details))
    state.events.append((referral_id, f"fr.maillage.referrals.referral.{status}.v1"))
    async with state.changed:
        state.changed.notify_all()


def add_control(app: FastAPI, state: State) -> None:
    @app.post("/control/fill")
    async def fill(request: Request) -> dict[str, Any]:
        """Replace all referrals by those posted, each a number or the values to change."""
        wanted = await request.json()
        made = [referral(n, **values) for n, values in enumerate(wanted)]
        state.referrals = {one["referral_id"]: one for one in made}
        return {"ids": list(state.referrals)}

    @app.post("/control/move/{referral_id}/{status}")
    async def moved(referral_id: str, status: str) -> None:
        await move(state, referral_id, status)

    @app.post("/control/identify/{referral_id}/{late}")
    async def identified(referral_id: str, late: float) -> None:
        """Say on the feed who the person is, and only `late` seconds afterwards on the referral."""
        state.events.append((referral_id, PERSON))
        async with state.changed:
            state.changed.notify_all()
        await asyncio.sleep(late)
        found = {"at": datetime.now(UTC).isoformat(), "status": "identified", "by": "registration"}
        state.referrals[referral_id]["history"].append(found)

    @app.post("/control/set")
    async def settings(request: Request) -> None:
        """Choose which services are down and which refusal is answered."""
        wanted = await request.json()
        state.down = set(wanted.get("down", []))
        state.refuse = wanted.get("refuse", "")

    @app.get("/control/state")
    async def seen() -> dict[str, Any]:
        return {"polls": state.polls, "sent": state.sent, "referrals": len(state.referrals)}


if __name__ == "__main__":
    uvicorn.run(
        create_fake(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1
    )
