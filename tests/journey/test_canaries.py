"""Nothing on the bus says who: what is typed in a form is found nowhere it must not be."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from chassis.ids import new_id
from maillage.testing.acts import command, feed_until, of_referral, refer, referral, rows
from maillage.testing.collector import SpanCollector
from maillage.testing.running import RunningStack

SERVICES = ("registration", "referrals", "partners", "portal")


def canaries() -> dict[str, str]:
    """Return what is typed, each value found nowhere else in the world."""
    mark = new_id().hex
    return {
        "first_name": f"Prénom{mark[-12:]}",
        "last_name": f"Nom{mark[-11:]}",
        "phone": f"01 99 00 {mark[-2:].translate(str.maketrans('abcdef', '012345'))} 37",
        "email": f"canary{mark[-12:]}@example.org",
        "address": f"37 impasse {mark[-13:]}",
        "note": f"Remarque {mark[-14:]}",
        "birth_date": "1931-03-17",
    }


async def everything_on_the_bus(stack: RunningStack) -> str:
    """Return every record of every topic, as text."""
    consumer = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{stack.ports['KAFKA']}", auto_offset_reset="earliest")
    await consumer.start()
    try:
        topics = sorted(t for t in await consumer.topics() if not t.startswith("__"))
        assert any(t.startswith("partner-cd93") for t in topics)
        consumer.subscribe(topics)
        text = []
        quiet = 0
        while quiet < 3:
            batches = await consumer.getmany(timeout_ms=500)
            quiet = 0 if batches else quiet + 1
            text += [
                f"{r.topic} {r.key!r} {r.headers!r} {(r.value or b'').decode()}" for b in batches.values() for r in b
            ]
        return "\n".join(text)
    finally:
        await consumer.stop()


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


async def test_what_was_typed_is_found_nowhere_it_must_not_be(stack: RunningStack, spans: SpanCollector) -> None:
    typed = canaries()
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
    dead = [await rows(stack, service, "SELECT * FROM dead_letters") for service in SERVICES]
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
        "dead letters": str(dead).encode(),
        "audit": str(audit).encode(),
        "HTTP errors": "\n".join(f"{a.headers} {a.text}" for a in errors).encode(),
        "the database's files": raw(stack.data / "postgres"),
    }

    assert b"referral.submitted" in places["topics"]
    assert len(places["the database's files"]) > 10_000_000
    places |= {f"HTTP error {n}": f"{a.headers} {a.text}".encode() for n, a in enumerate(errors)}
    found = {
        f"{name} in {place}"
        for place, content in places.items()
        for name, value in typed.items()
        if (value.encode() in content or ascii(value).strip("'").encode() in content)
        and not (name == "birth_date" and place == "the database's files")
    }
    assert not found
