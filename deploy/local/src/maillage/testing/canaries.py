"""Values found nowhere else in the world, and every place of a running stack where they might turn up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from chassis.ids import new_id
from maillage.testing.acts import rows
from maillage.testing.running import RunningStack

SERVICES = ("registration", "referrals", "training", "notifications", "partners", "portal")
BIRTH_DATE = "1931-03-17"
"""Dates are many: this one is looked for everywhere but in the database's files, where pages of bytes may hold it."""


def person_canaries() -> dict[str, str]:
    """Return what is typed about a person."""
    mark = new_id().hex
    digits = mark[-4:].translate(str.maketrans("abcdef", "012345"))
    return {
        "first_name": f"Prénom{mark[-12:]}",
        "last_name": f"Nom{mark[-11:]}",
        # 06 39 98: numbers kept for fiction; one that ends in the thirties is delivered by the simulator.
        "phone": f"06 39 98 {digits[:2]} 3{digits[2]}",
        "email": f"canary{mark[-12:]}@example.org",
        "address": f"37 impasse {mark[-13:]}",
        "note": f"Remarque {mark[-14:]}",
        "birth_date": BIRTH_DATE,
    }


def spellings(value: str) -> set[bytes]:
    """Return the forms in which a value may be written: as typed, escaped as JSON, a number as carriers write it."""
    forms = {value, ascii(value).strip("'")}
    if value.startswith("06 "):
        forms |= {value.replace(" ", ""), "+33" + value.replace(" ", "")[1:]}
    return {form.encode() for form in forms}


def found_in(places: Mapping[str, bytes], typed: Mapping[str, str]) -> set[str]:
    """Return `what in where` for everything that was found where it must not be."""
    return {
        f"{name} in {place}"
        for place, content in places.items()
        for name, value in typed.items()
        if any(form in content for form in spellings(value))
        and not (value == BIRTH_DATE and place == "the database's files")
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


async def dead_letters(stack: RunningStack) -> str:
    """Return every dead letter of every service, as text."""
    return str([await rows(stack, service, "SELECT * FROM dead_letters") for service in SERVICES])


def raw(folder: Path) -> bytes:
    """Return the bytes of every file below a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
