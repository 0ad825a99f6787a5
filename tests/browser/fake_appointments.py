"""Appointments as organisations and the person see them, as the portal is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4, uuid5

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from .fake_state import COUNCIL, NAMESPACE, REACH, State

DONE = {
    "booking": "booked", "options": "proposed", "holding": "held", "absence": "missed",
    "cancellation": "cancelled_by_service", "postponement": "postponed",
}  # fmt: skip
TOLD = {
    "booked": "booked", "proposed": "proposed", "held": "held", "missed": "missed", "postponed": "postponed",
    "cancelled_by_service": "cancelled", "cancelled_by_person": "cancelled",
}  # fmt: skip
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def in_days(days: int, hour: int = 9) -> str:
    """Return a moment so many days from today."""
    return (MIDNIGHT + timedelta(days=days, hours=hour)).isoformat().replace("+00:00", "Z")


def appointment(n: int, **values: Any) -> dict[str, Any]:
    """Return an invented appointment, the n-th; `day` says in how many days it is, `days` which it offers."""
    day, days = values.pop("day", None), values.pop("days", (3, 4, 10))
    return {
        "appointment_id": str(uuid5(NAMESPACE, f"appointment {n}")),
        "referral_id": str(uuid5(NAMESPACE, "referral 0")),
        "status": "booked",
        "starts_at": None if day is None else in_days(day),
        "options": [in_days(one) for one in days],
        "modality": "in_person",
        "duration_minutes": 45,
        "place": "1 place de l’Exemple, bureau 12",
        "person_name": f"Camille Exemple-{n:02d}",
        "organiser": {**COUNCIL, **REACH},
        **values,
    }


def allowed(one: dict[str, Any]) -> list[str]:
    status, starts_at = one["status"], one["starts_at"]
    if status == "booked":
        past = starts_at is not None and datetime.fromisoformat(starts_at) <= datetime.now(UTC)
        return ["holding", "absence", "cancellation"] if past else ["postponement", "cancellation"]
    return ["booking", "options", "cancellation"] if status in ("proposed", "postponed") else []


async def act(state: State, one: dict[str, Any], command: str, body: dict[str, Any], person: bool = False) -> None:
    """Carry out a command, and tell it."""
    for status, starts_at in outcomes(one, command, body):
        one |= {"status": status, "starts_at": starts_at}
        if status == "cancelled_by_service" and person:
            one["status"] = "cancelled_by_person"
        dated = {"starts_at": starts_at} if status == "booked" else {}
        state.story(one["referral_id"], f"appointment_{TOLD[status]}", "registration", None, **dated)
        await state.announce(one["referral_id"], f"registration.appointment.{TOLD[status]}")


def outcomes(one: dict[str, Any], command: str, body: dict[str, Any]) -> list[tuple[str, str | None]]:
    if command == "options":
        one["options"] = body["options"]
        return [(one["status"], None)]
    if command == "postponement":
        again = [("booked", body["starts_at"])] if body.get("starts_at") else []
        return [("postponed", None), *again]
    return [(DONE[command], body.get("starts_at") or one["starts_at"])]


def add_appointments(app: FastAPI, state: State) -> None:
    def shown(one: dict[str, Any]) -> dict[str, Any]:
        return {**one, "allowed": allowed(one)}

    @app.get("/appointments")
    async def listed(request: Request) -> dict[str, Any]:
        first, last = request.query_params["from"], request.query_params["to"]
        found = [
            one for one in state.appointments.values()
            if one["starts_at"] is None or first <= one["starts_at"] < last
        ]  # fmt: skip
        return {"items": [shown(one) for one in found]}

    @app.post("/appointments", status_code=201)
    async def offer(request: Request) -> Any:
        key, body = request.headers["idempotency-key"], await request.json()
        if key not in state.keys:
            owner = state.accompaniments[body["accompaniment_id"]]
            name = f"{owner['person']['first_name']} {owner['person']['last_name']}"
            values = {**body, "appointment_id": str(uuid4()), "status": "proposed", "person_name": name}
            made = appointment(0, **values, referral_id=owner["referral_id"])
            state.appointments[made["appointment_id"]] = made
            state.keys[key] = made["appointment_id"]
            state.story(owner["referral_id"], "appointment_proposed", "registration", COUNCIL)
            await state.announce(owner["referral_id"], "registration.appointment.proposed")
        return shown(state.appointments[state.keys[key]])

    @app.get("/appointments/{appointment_id}")
    async def one(appointment_id: str) -> Any:
        found = state.appointments.get(appointment_id)
        return JSONResponse({"code": "not_found"}, 404) if found is None else shown(found)

    @app.post("/appointments/{appointment_id}/{command}")
    async def command(request: Request, appointment_id: str, command: str) -> Any:
        # Nothing is waited for between the look and the act: the service holds the row meanwhile.
        found, body = state.appointments[appointment_id], await request.json()
        if command not in allowed(found):
            return JSONResponse({"code": "illegal_transition"}, 409)
        await act(state, found, command, body)
        return shown(found)

    @app.post("/control/appoint")
    async def appoint(request: Request) -> dict[str, Any]:
        """Add appointments, by the values to change; `link` is the token of the person's page."""
        ids = []
        for n, values in enumerate(await request.json()):
            token = values.pop("link", "")
            first = next(iter(state.accompaniments), str(uuid4()))
            made = appointment(n, **{"accompaniment_id": first, **values})
            state.appointments[made["appointment_id"]] = made
            ids.append(made["appointment_id"])
            if token:
                state.links[token] = made["appointment_id"]
        return {"ids": ids}

    @app.post("/control/expire/{token}")
    async def expire(token: str) -> None:
        state.links[token] = ""


def add_person(app: FastAPI, state: State) -> None:
    def held(request: Request) -> dict[str, Any] | JSONResponse:
        token = request.headers.get("maillage-link", "")
        state.person_calls.append({"path": str(request.url), "signed_in": "authorization" in request.headers})
        if token not in state.links:
            return JSONResponse({"code": "link_invalid"}, 404)
        if not state.links[token]:
            return JSONResponse({"code": "link_expired"}, 410)
        return state.appointments[state.links[token]]

    def shown(one: dict[str, Any]) -> dict[str, Any]:
        acts = [act for act in allowed(one) if act in ("booking", "postponement", "cancellation")]
        return {**one, "first_name": one["person_name"].split()[0], "can": acts, "history_dates": []}

    @app.get("/person/appointment")
    async def own(request: Request) -> Any:
        found = held(request)
        return found if isinstance(found, JSONResponse) else shown(found)

    @app.post("/person/appointment/{command}")
    async def own_command(request: Request, command: str) -> Any:
        found, body = held(request), await request.json()
        if isinstance(found, JSONResponse):
            return found
        if command not in shown(found)["can"]:
            return JSONResponse({"code": "illegal_transition"}, 409)
        await act(state, found, command, body, person=True)
        return shown(found)

    @app.get("/person/sharing")
    async def sharing(request: Request) -> Any:
        found = held(request)
        if isinstance(found, JSONResponse):
            return found
        names = ("Entraide Exemple", COUNCIL["name"], "Service de l’emploi de l’Exemple", "Formation Exemple")
        whats = ("referral", "accompaniment", "training")
        return {
            "items": [
                {"at": f"2026-11-2{n}T09:00:00Z", "what": what, "from_name": names[n], "to_name": names[n + 1]}
                for n, what in enumerate(whats)
            ]
        }
