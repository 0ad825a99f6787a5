"""Nothing on the bus says who: what is typed in a form is found nowhere it must not be."""

from __future__ import annotations

import asyncio
import json

from chassis.ids import new_id
from maillage.testing.acts import command, feed_until, of_referral, refer, referral, rows
from maillage.testing.canaries import dead_letters, everything_on_the_bus, found_in, person_canaries, raw
from maillage.testing.collector import SpanCollector
from maillage.testing.journey import Journey
from maillage.testing.running import RunningStack


async def test_what_was_typed_is_found_nowhere_it_must_not_be(stack: RunningStack, spans: SpanCollector) -> None:
    typed = person_canaries()
    body = referral(**{name: typed[name] for name in typed if name not in {"note"}}) | {"note": typed["note"]}
    async with stack.client("asso1", "referrals") as association, stack.client("cd93", "referrals") as council:
        one = (await refer(association, body))["referral_id"]
        await feed_until(stack, "cd93", lambda found: "registration.person.identified" in of_referral(found, one))
        read = await council.get(f"/referrals/{one}")
        assert typed["last_name"] in read.text, "the council may read it; if it cannot, this test proves nothing"
        refused = (
            body | {"commune": typed["last_name"]},
            body | {typed["last_name"]: 1},
            body | {"person": body["person"] | {"email": typed["note"]}},
            typed,
        )
        errors = [
            *[
                await association.post("/referrals", json=b, headers={"idempotency-key": str(new_id())})
                for b in refused
            ],
            await association.post("/referrals", content=b"{" + typed["note"].encode()),
            await association.get(f"/referrals/{typed['last_name']}"),
            await association.get("/referrals", params={"after": typed["last_name"]}),
            await command(council, one, "decline", {"reasons": [typed["note"]]}),
        ]
    assert all(answer.status_code in {400, 404, 422} for answer in errors), [a.status_code for a in errors]
    audit = await rows(stack, "referrals", "SELECT * FROM audit")
    assert any(str(one) in str(row) for row in audit), "the council's reading is in the audit"
    await rows(stack, "referrals", "CHECKPOINT")
    # Exported in batches of a few seconds.
    await asyncio.to_thread(spans.wait, lambda found: any(s.name == "GET /referrals/{referral_id}" for s in found))

    places = {
        "topics": (await everything_on_the_bus(stack)).encode(),
        "logs": raw(stack.data / "logs"),
        "what the command printed": stack.output.read_bytes(),
        "spans": "\n".join(s.text for s in spans.spans).encode(),
        "dead letters": (await dead_letters(stack)).encode(),
        "audit": str(audit).encode(),
        "HTTP errors": "\n".join(f"{a.headers} {a.text}" for a in errors).encode(),
        "the database's files": raw(stack.data / "postgres"),
    }

    assert b"referral.submitted" in places["topics"]
    assert len(places["the database's files"]) > 10_000_000
    places |= {f"HTTP error {n}": f"{a.headers} {a.text}".encode() for n, a in enumerate(errors)}
    assert not found_in(places, typed)


async def test_a_whole_story_says_nowhere_who_it_is_about(stack: RunningStack, spans: SpanCollector) -> None:
    typed = person_canaries()
    journey = Journey(stack, typed=typed)
    said = {name: f"{name} {new_id().hex[-14:]}" for name in ("goal", "action", "note_of_the_council", "note_of_ft93")}
    journey.words = {"goal": said["goal"], "action": said["action"]}
    await journey.play()
    for code, name in (("cd93", "note_of_the_council"), ("ft93", "note_of_ft93")):
        await journey.note(code, said[name])
    mine = await journey.get("cd93", "referrals", f"/accompaniments/{journey.accompaniment_id}")
    theirs = await journey.get("ft93", "referrals", f"/accompaniments/{journey.accompaniment_id}")
    assert said["note_of_the_council"] in json.dumps(mine), "each side reads its own"
    assert said["note_of_the_council"] not in json.dumps(theirs)
    assert said["note_of_ft93"] not in json.dumps(mine)
    assert said["goal"] in json.dumps(theirs), "the plan is shared; if it were not, this test would prove nothing"
    mails = [m for m in await asyncio.to_thread(stack.mails) if typed["email"] in m["to"]]
    assert any(typed["first_name"] in mail["text"] for mail in mails), "the person is spoken to by name, in the text"
    for service in ("registration", "referrals", "notifications"):
        await rows(stack, service, "CHECKPOINT")

    typed |= said
    places = {
        "topics": (await everything_on_the_bus(stack)).encode(),
        "logs": raw(stack.data / "logs"),
        "what the command printed": stack.output.read_bytes(),
        "spans": "\n".join(s.text for s in spans.spans).encode(),
        "dead letters": (await dead_letters(stack)).encode(),
        "the database's files": raw(stack.data / "postgres"),
        "Kafka's files": raw(stack.data / "kafka"),
        "URLs in mails": "\n".join(word for m in mails for word in m["text"].split() if "://" in word).encode(),
    }
    # The address itself is where a mail goes; nothing else of its headers may tell.
    headers = {
        f"headers of mail {n}": "\n".join(f"{k}: {v}" for k, v in m["headers"] if k.lower() != "to").encode()
        for n, m in enumerate(mails)
    }

    assert b"accompaniment.plan_changed" in places["topics"]
    assert len(headers) >= 3
    assert not found_in(places | headers, typed)
