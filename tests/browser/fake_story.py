"""Joint accompaniments and training sessions, as the portal sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4, uuid5

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from .fake_state import COMMUNES, COUNCIL, NAMESPACE, PERSON, PROVIDER, REACH, SERVICE, State, caller, now

SIDES = {COUNCIL["code"]: "council", SERVICE["code"]: "employment_service"}
PARTIES = {COUNCIL["code"]: COUNCIL, SERVICE["code"]: SERVICE}
THEME = "numerique--acceder-a-des-services-en-ligne"


def organisation(one: dict[str, str]) -> dict[str, str]:
    return {**one, **REACH, "organisation_id": str(uuid5(NAMESPACE, one["code"]))}


def accompaniment(n: int, **values: Any) -> dict[str, Any]:
    """Return an invented accompaniment, the n-th."""
    at = (datetime(2026, 11, 20, 9, 0, tzinfo=UTC) - timedelta(hours=31 * n)).isoformat()
    code = list(COMMUNES)[n % len(COMMUNES)]
    return {
        "referral_id": str(uuid5(NAMESPACE, f"referral {n}")),
        "status": "proposed",
        "version": 1,
        "commune": {"code": code, "name": COMMUNES[code]},
        "council": organisation(COUNCIL),
        "employment_service": organisation(SERVICE),
        "proposed_at": at,
        "changed_at": at,
        "person": {**PERSON, "last_name": f"Exemple-{n:02d}"},
        "accepted": [],
        "plan": {"version": 0, "goals": [], "actions": [], "changed_at": None, "changed_by": None},
        "notes": {},
        "history": [{"at": at, "status": "proposed", "by": "receiver", "organisation_name": COUNCIL["name"]}],
        **values,
    }


def plan(goals: int, actions: int, text: str = "Ouvrir un compte en ligne.") -> dict[str, Any]:
    """Return a plan with that many rows, of every kind in turn."""
    states = ("planned", "done", "planned", "dropped")
    seats: tuple[dict[str, Any], ...] = (
        {"enrolment_id": "e", "status": "confirmed", "starts_at": "2026-12-15T13:00:00Z"},
        {"enrolment_id": "e", "status": "waitlisted", "starts_at": None, "rank": 2},
    )
    return {
        "version": 3,
        "goals": [{"goal_id": f"goal-{n}", "text": f"{text} ({n})"} for n in range(goals)],
        "actions": [
            {
                "action_id": f"action-{n}", "kind": "training" if n % 2 else "step", "theme": THEME,
                "text": None if n % 2 else text, "assigned_to": ("person", "council", "employment_service")[n % 3],
                "due_on": "2026-12-15" if n % 3 else None, "state": states[n % 4],
                "session_id": f"session-{n}" if n % 2 else None, "enrolment": seats[n % 4 == 3] if n % 2 else None,
            }
            for n in range(actions)
        ],
        "changed_at": "2026-11-22T10:00:00Z",
        "changed_by": organisation(SERVICE)["organisation_id"],
    }  # fmt: skip


def sessions() -> list[dict[str, Any]]:
    """Return sessions to come: one with seats, one full."""
    offered = (("Les bases du numérique", 3, 0), ("Démarches en ligne", 0, 2))
    return [
        {
            "session_id": f"session-{n}",
            "title": title,
            "theme": THEME,
            "commune": {"code": "93048", "name": "Montreuil"},
            "seats": 10,
            "free": free,
            "waiting": waiting,
            "hours": 12,
            "place": "Maison des associations",
            "starts_at": (datetime.now(UTC) + timedelta(days=20 + n)).isoformat(),
            "organisation": PROVIDER,
        }
        for n, (title, free, waiting) in enumerate(offered, 1)
    ]


def allowed(one: dict[str, Any], code: str) -> list[str]:
    status = one["status"]
    if status in ("proposed", "accepted_by_one"):
        return [*(() if code in one["accepted"] else ("acceptance", "refusal")), "note"]
    if status in ("active", "review_due"):
        return ["end", "plan", "note", *(("review",) if status == "review_due" else ())]
    return []


def line(one: dict[str, Any], code: str) -> dict[str, Any]:
    kept = {name: value for name, value in one.items() if name not in ("notes", "accepted", "plan", "person")}
    person = one["person"]
    name = f"{person['first_name']} {person['last_name']}" if person else None
    return {**kept, "person_name": name, "waiting_for_me": "acceptance" in allowed(one, code)}


def document(state: State, one: dict[str, Any], code: str) -> dict[str, Any]:
    """Return an accompaniment as one side sees it: never the other's note."""
    meetings = [
        {name: meeting[name] for name in ("appointment_id", "status", "starts_at", "modality")}
        for meeting in state.appointments.values()
        if meeting["accompaniment_id"] == one["accompaniment_id"]
    ]
    return {
        **line(one, code),
        "person": one["person"],
        "side": SIDES[code],
        "accepted_by": [organisation(PARTIES[accepted])["organisation_id"] for accepted in one["accepted"]],
        "allowed": allowed(one, code),
        "plan": one["plan"],
        "note": one["notes"].get(code),
        "appointments": meetings,
    }


def accompaniment_of(state: State, referral_id: str) -> dict[str, Any] | None:
    """Return the latest accompaniment of a referral, in short."""
    found = [one for one in state.accompaniments.values() if one["referral_id"] == referral_id]
    return {name: found[-1][name] for name in ("accompaniment_id", "status", "employment_service")} if found else None


async def advance(state: State, one: dict[str, Any], status: str, code: str, **more: Any) -> None:
    """Bring an accompaniment to a status, in its history and its referral's, and on the feed."""
    who = PARTIES[code]
    by = "receiver" if code == COUNCIL["code"] else "employment_service"
    one |= {"status": status, "version": one["version"] + 1, "changed_at": now()}
    one["history"].append({"at": now(), "status": status, "by": by, "organisation_name": who["name"]})
    told = {"accepted_by_one": "accepted", "active": "active", "refused": "refused", "ended": "ended"}.get(status)
    if told:
        state.story(one["referral_id"], f"accompaniment_{told}", by, who, **more)
    await state.announce(one["referral_id"], f"referrals.accompaniment.{told or 'reviewed'}")


def add_accompaniments(app: FastAPI, state: State) -> None:
    """Add the routes of referrals about accompaniments, and those by which a test sets the scene."""
    _add_reading(app, state)
    _add_changing(app, state)
    _add_controls(app, state)


def _add_reading(app: FastAPI, state: State) -> None:
    @app.get("/employment-services")
    async def services(commune: str) -> dict[str, Any]:
        return {"items": [] if commune == "93008" else [organisation(SERVICE)]}

    @app.post("/referrals/{referral_id}/accompaniment", status_code=201)
    async def propose(request: Request, referral_id: str) -> Any:
        key = request.headers["idempotency-key"]
        if state.unidentified:
            return JSONResponse({"code": "person_not_identified"}, 409)
        if key not in state.keys:
            values = {"referral_id": referral_id, "person": state.referrals[referral_id]["person"]}
            made = accompaniment(0, accompaniment_id=str(uuid4()), proposed_at=now(), changed_at=now(), **values)
            state.accompaniments[made["accompaniment_id"]] = made
            state.keys[key] = made["accompaniment_id"]
            state.story(referral_id, "accompaniment_proposed", "receiver", COUNCIL)
            await state.announce(referral_id, "referrals.accompaniment.proposed")
        return document(state, state.accompaniments[state.keys[key]], caller(request))

    @app.get("/accompaniments")
    async def listed(request: Request) -> dict[str, Any]:
        found = sorted(state.accompaniments.values(), key=lambda one: str(one["changed_at"]), reverse=True)
        return {"items": [line(one, caller(request)) for one in found], "cursor": None}

    @app.get("/accompaniments/{accompaniment_id}")
    async def one(request: Request, accompaniment_id: str) -> Any:
        found = state.accompaniments.get(accompaniment_id)
        if found is None or caller(request) not in SIDES:
            return JSONResponse({"code": "not_found"}, 404)
        return document(state, found, caller(request))


def _add_changing(app: FastAPI, state: State) -> None:
    @app.put("/accompaniments/{accompaniment_id}/plan")
    async def planned(request: Request, accompaniment_id: str) -> Any:
        found, body, code = state.accompaniments[accompaniment_id], await request.json(), caller(request)
        if body["version"] != found["plan"]["version"]:
            return JSONResponse({"code": "plan_changed"}, 409)
        save(found, body, code)
        await state.announce(found["referral_id"], "referrals.accompaniment.plan_changed")
        return document(state, found, code)

    @app.put("/accompaniments/{accompaniment_id}/note")
    async def noted(request: Request, accompaniment_id: str) -> Any:
        body = await request.json()
        note = {"text": body["text"], "changed_at": now()}
        state.accompaniments[accompaniment_id]["notes"][caller(request)] = note
        return {"note": note}

    @app.post("/accompaniments/{accompaniment_id}/{command}")
    async def command(request: Request, accompaniment_id: str, command: str) -> Any:
        found, code = state.accompaniments[accompaniment_id], caller(request)
        if command not in allowed(found, code):
            return JSONResponse({"code": "illegal_transition"}, 409)
        if command == "acceptance":
            found["accepted"].append(code)
            await advance(state, found, "active" if len(found["accepted"]) == 2 else "accepted_by_one", code)
        else:
            await advance(state, found, {"refusal": "refused", "end": "ended", "review": "active"}[command], code)
        return document(state, found, code)


def _add_controls(app: FastAPI, state: State) -> None:
    @app.post("/control/accompany")
    async def accompany(request: Request) -> dict[str, Any]:
        """Add accompaniments, by the values to change; `rows` makes a plan of so many goals and actions."""
        ids = []
        for n, values in enumerate(await request.json()):
            if rows := values.pop("rows", None):
                values["plan"] = plan(*rows)
            # An id of its own: what a member typed in an earlier test belongs to another plan.
            made = accompaniment(n, **{"accompaniment_id": str(uuid4()), **values})
            state.accompaniments[made["accompaniment_id"]] = made
            ids.append(made["accompaniment_id"])
        return {"ids": ids}

    @app.post("/control/replan/{accompaniment_id}")
    async def replan(request: Request, accompaniment_id: str) -> None:
        """Save a plan as the other side would."""
        found = state.accompaniments[accompaniment_id]
        save(found, await request.json(), SERVICE["code"])
        await state.announce(found["referral_id"], "referrals.accompaniment.plan_changed")


def save(found: dict[str, Any], body: dict[str, Any], code: str) -> None:
    """Keep a plan: rows without an id get one, a chosen session asks for a seat at once."""
    goals = [{**goal, "goal_id": goal.get("goal_id") or str(uuid4())} for goal in body["goals"]]
    actions = [
        {
            **action, "action_id": action.get("action_id") or str(uuid4()),
            "enrolment": {"enrolment_id": "e", "status": "seat_held"} if action.get("session_id") else None,
        }
        for action in body["actions"]
    ]  # fmt: skip
    found["plan"] = {
        "version": found["plan"]["version"] + 1, "goals": goals, "actions": actions, "changed_at": now(),
        "changed_by": organisation(PARTIES[code])["organisation_id"],
    }  # fmt: skip


def add_sessions(app: FastAPI, state: State) -> None:
    @app.get("/sessions")
    async def listed() -> dict[str, Any]:
        return {"items": state.sessions or sessions()}
