"""A signed link opens one person's appointment, in its time, and nothing else; its token is found nowhere."""

from __future__ import annotations

import base64
import logging
import struct
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry
from registration.adapters.links import KEY

from .conftest import DAY, EMPLOYMENT, at

Desk = Any


def forged(desk: Desk, appointment_id: str, *, purpose: int = 1, version: int = 1, key: str = KEY) -> str:
    """Sign by hand, with the service's own master key."""
    payload = struct.pack(">BB16sI", version, purpose, UUID(appointment_id).bytes, 2_000_000_000)
    return base64.urlsafe_b64encode(payload + desk.runtime.vault().lookup(key, payload.hex())).decode()


async def everywhere(desk: Desk, token: str) -> list[tuple[int, str]]:
    """Try a token on every route; return how each answered."""
    answers = [
        await desk.by_link(token),
        await desk.http.get("/person/sharing", headers={"maillage-link": token}),
        await desk.by_link(token, "booking", {"starts_at": at(2)}),
        await desk.by_link(token, "postponement"),
        await desk.by_link(token, "cancellation"),
    ]
    assert not any(token and token in answer.text for answer in answers)
    return [(answer.status_code, answer.json()["code"]) for answer in answers]


async def test_link_shows_the_appointment_and_changes_it(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.proposed(story)
    token = await desk.link(story, appointment_id)
    shown = await desk.by_link(token)
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert shown.json() == {
        "first_name": "Camille", "status": "proposed", "starts_at": None, "options": [at(1), at(2), at(3)],
        "modality": "in_person", "duration_minutes": 45, "place": "1 rue de l’Exemple, bureau 12",
        "organiser": {
            "name": "Département exemple", "phone": "+33 1 99 00 00 00",
            "postal_address": "1 rue de l’Exemple\n93000 Exemple",
        },
        "can": ["booking", "cancellation"], "history_dates": [],
    }  # fmt: skip
    booked = (await desk.by_link(token, "booking", {"starts_at": at(1)})).json()
    assert (booked["status"], booked["starts_at"]) == ("booked", at(1))
    assert booked["can"] == ["postponement", "cancellation"]
    moved = (await desk.by_link(token, "postponement", {"starts_at": at(2)})).json()
    assert (moved["status"], moved["starts_at"], moved["history_dates"]) == ("booked", at(2), [at(1)])
    cancelled = (await desk.by_link(token, "cancellation")).json()
    assert (cancelled["status"], cancelled["can"]) == ("cancelled_by_person", [])
    assert (await desk.told())[-1].event.cancelled_by == "person"
    # The person reads what is theirs: only the claim check that made the link is a reading by somebody else.
    assert [row["purpose"] for row in await desk.rows("SELECT purpose FROM audit")] == ["notice"]


async def test_options_that_are_past_are_not_shown(desk: Desk) -> None:
    story = await desk.accompanied()
    token = await desk.link(story, await desk.proposed(story))
    desk.clock.advance(2 * DAY)
    assert (await desk.by_link(token)).json()["options"] == [at(3)]
    desk.clock.advance(2 * DAY)
    shown = (await desk.by_link(token)).json()
    assert (shown["options"], shown["can"]) == ([], ["cancellation"])


async def test_forged_truncated_or_other_links_are_unknown(desk: Desk, subtests: pytest.Subtests) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    token = await desk.link(story, appointment_id)
    before = await desk.tables()
    wrong = {
        "missing": "",
        "truncated": token[:-1],
        "cut to a whole number of bytes": token[:-4],
        "longer": token + "A",
        "another signature": token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        "another appointment": token[:8] + ("A" if token[8] != "A" else "B") + token[9:],
        "another purpose": forged(desk, appointment_id, purpose=2),
        "another version": forged(desk, appointment_id, version=2),
        "another kind of secret": forged(desk, appointment_id, key="idempotency"),
        "no such appointment": forged(desk, str(uuid4())),
        "not a token": "../../appointments",
        "very long": "A" * 5000,
    }
    for name, forged_token in wrong.items():
        with subtests.test(name):
            assert await everywhere(desk, forged_token) == [(404, "link_invalid")] * 5
    assert await desk.tables() == before
    assert (await desk.by_link(forged(desk, appointment_id))).status_code == 200


async def test_link_expires_thirty_days_after_it_was_made(desk: Desk) -> None:
    story = await desk.accompanied()
    token = await desk.link(story, await desk.proposed(story, options=[at(2), at(100)]))
    desk.clock.advance(30 * DAY - timedelta(seconds=1))
    assert (await desk.by_link(token)).status_code == 200
    desk.clock.advance(timedelta(seconds=1))
    before = await desk.tables()
    assert await everywhere(desk, token) == [(410, "link_expired")] * 5
    assert await desk.tables() == before


async def test_link_replayed_after_the_appointment_opens_nothing(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.proposed(story)
    token = await desk.link(story, appointment_id)  # made when no date was agreed: thirty days by itself
    await desk.by_link(token, "booking", {"starts_at": at(1)})
    desk.clock.advance(DAY)
    await desk.command(appointment_id, "holding")
    desk.clock.advance(DAY - timedelta(seconds=1))
    assert (await desk.by_link(token)).json()["status"] == "held"
    assert (await desk.by_link(token, "cancellation")).status_code == 409
    desk.clock.advance(timedelta(seconds=1))
    assert await everywhere(desk, token) == [(410, "link_expired")] * 5


async def test_link_to_a_date_far_ahead_lasts_until_the_day_after(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.proposed(story, options=[at(60)])
    await desk.command(appointment_id, "booking", {"starts_at": at(60)})
    token = await desk.link(story, appointment_id)
    desk.clock.advance(60 * DAY)
    assert (await desk.by_link(token)).status_code == 200
    desk.clock.advance(DAY)
    assert (await desk.by_link(token)).status_code == 410


async def test_link_of_one_person_reaches_nothing_of_another(desk: Desk) -> None:
    one, other = await desk.accompanied(), await desk.accompanied(last_name="Autre", first_name="Dominique")
    ours, theirs = await desk.proposed(one), await desk.proposed(other, by=EMPLOYMENT, place="ailleurs")
    token = await desk.link(one, ours)
    await desk.link(other, theirs)
    shown = await desk.by_link(token)
    assert (shown.json()["first_name"], "ailleurs" in shown.text) == ("Camille", False)
    await desk.by_link(token, "cancellation")
    states = {str(row["appointment_id"]): row["state"] for row in await desk.rows("SELECT * FROM appointments")}
    assert states == {ours: "cancelled_by_person", theirs: "proposed"}


async def test_token_is_in_no_log_no_span_and_no_table(
    desk: Desk, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    spans = InMemorySpanExporter()
    tracing = telemetry.configure(desk.runtime.settings, "registration", "0", exporter=spans)
    caplog.set_level(logging.DEBUG)  # every library's lines, and ours before any field is dropped
    try:
        story = await desk.accompanied()
        token = await desk.link(story, await desk.proposed(story))
        for act, body in (("", None), ("booking", {"starts_at": at(1)}), ("postponement", {"starts_at": "x"})):
            await desk.by_link(token, act, body)
        await desk.by_link(token, "postponement", {"starts_at": at(2)})
        await desk.by_link(token[:-4] + "AAAA")
        await desk.http.get("/person/sharing", headers={"maillage-link": token})
        desk.clock.advance(40 * DAY)
        assert (await desk.by_link(token)).status_code == 410
    finally:
        await tracing.close()
    written = [span.to_json() for span in spans.get_finished_spans()]
    assert "GET /person/appointment" in {span.name for span in spans.get_finished_spans()}
    written += [capsys.readouterr().out, caplog.text, str(await desk.tables())]
    # Neither the token, nor either of its halves, nor the words of the person it opens.
    for secret in (token, token[:36], token[36:], "Camille", "bureau 12"):
        assert not [text[:200] for text in written if secret in text]
