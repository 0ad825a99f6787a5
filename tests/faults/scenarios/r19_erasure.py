"""R19: many persons are erased while others are referred: nothing of theirs is left, and everybody else is whole.

It takes a whole Maillage, and so plays on one of its own rather than on the pipeline of the other scenarios:
`python -m tests.faults.scenarios.r19_erasure 10000 1000` (subjects, erased); `make test` plays 100 and 20.

Looked for: what was typed (topics, logs, dumps, files of PostgreSQL and Kafka) and the keys that seal it (dumps). Files
are not searched for keys: a dead row keeps its bytes until its page is used again (registration's README says so).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg

from chassis.ids import new_id
from maillage.testing.acts import feed, refer, referral, rows
from maillage.testing.canaries import SERVICES, everything_on_the_bus, raw
from maillage.testing.running import RunningStack

AT_ONCE = 8
BOUND_SECONDS = 60.0
"""From the first request to the last service that has nothing left (R19)."""
PATIENCE_SECONDS = 300.0
ERASED = "fr.maillage.registration.person.erased.v1"

SUBJECTS = "SELECT referral_id, subject_ref FROM identifications WHERE referral_id = ANY ($1::uuid[])"
PERSONS = "SELECT subject_ref, wrapped_key, identity, contact FROM persons WHERE subject_ref = ANY ($1::uuid[])"
TYPED = "SELECT referral_id, wrapped_key, person, note FROM referral_persons WHERE referral_id = ANY ($1::uuid[])"
LEFT: Mapping[str, str] = {
    "registration": "SELECT count(*) AS n FROM persons WHERE subject_ref = ANY ($1::uuid[]) AND state <> 'erased'",
    "referrals": (
        "SELECT count(*) AS n FROM referral_persons JOIN referral_subjects USING (referral_id) "
        "WHERE subject_ref = ANY ($1::uuid[])"
    ),
    "notifications": "SELECT count(*) AS n FROM notices WHERE subject_ref = ANY ($1::uuid[])",
    "training": "SELECT count(*) AS n FROM known_accompaniments WHERE subject_ref = ANY ($1::uuid[])",
    "partners": (
        "SELECT cardinality($1::uuid[]) - count(*) AS n FROM erased_persons "
        "WHERE subject_ref = ANY ($1::uuid[]) AND rows_erased"
    ),
}
"""How many of these persons a service has yet to forget."""


@dataclass
class Erasure:
    """Persons who were referred, some of whom will be erased. Every one has a mark in each thing that is typed."""

    stack: RunningStack
    mark: str = field(default_factory=lambda: f"Effa{new_id().hex[-12:]}")
    kept_mark: str = field(default_factory=lambda: f"Gard{new_id().hex[-12:]}")
    gone: dict[UUID, UUID] = field(default_factory=dict)
    kept: dict[UUID, UUID] = field(default_factory=dict)
    """Their references, by referral."""
    referred_meanwhile: int = 0
    took_seconds: float = 0.0

    async def refer(self, subjects: int, erased: int) -> None:
        """Refer so many persons, and wait until each has a reference."""
        marks = [self.mark] * erased + [self.kept_mark] * (subjects - erased)
        made: dict[str, list[UUID]] = {self.mark: [], self.kept_mark: []}

        async def one(mark: str, n: int) -> None:
            made[mark].append(await self._refer(mark, n))

        await gather(AT_ONCE, (lambda m=mark, n=n: one(m, n) for n, mark in enumerate(marks)))
        self.gone = await self._identified(made[self.mark])
        self.kept = await self._identified(made[self.kept_mark])

    async def erase(self) -> None:
        """Erase them as an operator does, others being referred, and wait until no service has anything left."""
        people = list(self.gone.values())
        async with self.load(), self.stack.client("operator", "registration") as operator:
            started = time.monotonic()

            async def one(subject_ref: UUID) -> None:
                answer = await operator.post(f"/persons/{subject_ref}/erasure")
                assert (answer.status_code, answer.json()["state"]) == (200, "erased"), answer.text

            await gather(AT_ONCE, (lambda ref=ref: one(ref) for ref in people))
            await self._until(lambda: self._all_forgotten(people), "forgotten everywhere")
            self.took_seconds = time.monotonic() - started
        again = [await self._erased_at(people[0]) for _ in range(2)]
        assert again[0] == again[1], "asked again, the answer is the same"

    async def _erased_at(self, subject_ref: UUID) -> Any:
        async with self.stack.client("operator", "registration") as operator:
            return (await operator.post(f"/persons/{subject_ref}/erasure")).json()

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Refer others beside the block, as fast as two callers can."""
        stop = asyncio.Event()

        async def call() -> None:
            while not stop.is_set():
                await self._refer(self.kept_mark, -1)
                self.referred_meanwhile += 1

        callers = [asyncio.create_task(call()) for _ in range(2)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*callers)

    async def sealed(self, which: Mapping[UUID, UUID]) -> list[dict[str, Any]]:
        """Return every sealed row of these persons, keys included."""
        return [
            *await rows(self.stack, "registration", PERSONS + " ORDER BY 1", list(which.values())),
            *await rows(self.stack, "referrals", TYPED + " ORDER BY 1", list(which)),
        ]

    async def told(self, code: str) -> set[str]:
        """Return the persons of whose erasure an organisation's feed tells."""
        return {event["data"]["subject_ref"] for event in await feed(self.stack, code) if event["type"] == ERASED}

    async def places(self) -> dict[str, bytes]:
        """Return what may be read by whoever gets hold of it, but for the files of servers."""
        return {
            "topics": (await everything_on_the_bus(self.stack)).encode(),
            "logs": raw(self.stack.data / "logs"),
            "what the command printed": self.stack.output.read_bytes(),
            **{f"dump of {service}": await dump(self.stack, service) for service in SERVICES},
        }

    async def _refer(self, mark: str, n: int) -> UUID:
        person = {
            "first_name": f"{mark} prénom",
            "last_name": f"{mark} {new_id().hex[-10:]}",
            "address": f"{n} rue {mark}",
        }
        body = referral(**person, email=f"{mark.lower()}@example.org") | {"note": f"Remarque {mark}"}
        async with asyncio.timeout(PATIENCE_SECONDS):
            return UUID((await refer(self._association, body))["referral_id"])

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Erasure]:
        """Hold the association's connections while the block lasts."""
        async with self.stack.client("asso1", "referrals") as self._association:
            yield self

    async def _identified(self, referrals: list[UUID]) -> dict[UUID, UUID]:
        async def found() -> dict[UUID, UUID] | None:
            known = await rows(self.stack, "registration", SUBJECTS, referrals)
            return {row["referral_id"]: row["subject_ref"] for row in known} if len(known) == len(referrals) else None

        told: dict[UUID, UUID] = await self._until(found, "identified")
        return told

    async def _all_forgotten(self, people: list[UUID]) -> bool:
        left = [await rows(self.stack, service, sql, people) for service, sql in LEFT.items()]
        return not any(row["n"] for (row,) in left)

    async def _until(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := await look()):
                await asyncio.sleep(0.1)
        assert found, what
        return found


async def gather(at_once: int, works: Any) -> None:
    """Do all of it, so many at a time; the first failure ends it."""
    todo = iter(works)

    async def worker() -> None:
        for work in todo:
            await work()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


async def dump(stack: RunningStack, service: str) -> bytes:
    """Return every table of a database as PostgreSQL writes it out; keys and sealed columns are hexadecimal there."""
    connection = await asyncpg.connect(stack.admin_dsn(service))
    out = BytesIO()
    try:
        for row in await connection.fetch("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'"):
            await connection.copy_from_table(row["t"], output=out)
    finally:
        await connection.close()
    return out.getvalue()


def keys_in(dumps: Mapping[str, bytes], sealed: list[dict[str, Any]]) -> int:
    """Return how many of these rows' keys are in any of the dumps."""
    everything = b"\n".join(dumps.values())
    return sum(row["wrapped_key"] is not None and row["wrapped_key"].hex().encode() in everything for row in sealed)


async def play(stack: RunningStack, subjects: int, erased: int) -> Erasure:
    """Play it once and judge; what is wrong raises."""
    async with Erasure(stack).open() as trial:
        await trial.refer(subjects, erased)
        lost, safe = await trial.sealed(trial.gone), await trial.sealed(trial.kept)
        assert len(lost) == 2 * erased
        sample = lost[:: max(1, len(lost) // 100)]
        before = {f"dump of {one}": await dump(stack, one) for one in ("registration", "referrals")}
        assert keys_in(before, sample) == len(sample), "a dump shows keys; if it did not, this would prove nothing"

        await trial.erase()

        places = await trial.places()
        dumps = {name: text for name, text in places.items() if name.startswith("dump")}
        assert keys_in(dumps, lost) == 0
        places |= {"files of PostgreSQL": raw(stack.data / "postgres"), "files of Kafka": raw(stack.data / "kafka")}
        found = [
            name for name, text in places.items() if trial.mark.encode() in text or trial.mark.lower().encode() in text
        ]
        assert not found, found
        assert await trial.sealed(trial.kept) == safe, "the others are as they were"
        people = {str(ref) for ref in trial.gone.values()}
        for code in ("asso1", "cd93"):
            assert await trial.told(code) & people == people, code
        assert not await trial.told("cd93") & {str(ref) for ref in trial.kept.values()}
        await readable(trial)
    assert trial.took_seconds <= BOUND_SECONDS, trial.took_seconds
    return trial


async def readable(trial: Erasure) -> None:
    """Read one of those who stay and one who was erased, as their council does."""
    async with trial.stack.client("cd93", "referrals") as council:
        stays = await council.get(f"/referrals/{next(iter(trial.kept))}")
        assert trial.kept_mark in stays.text, "the others can be read"
        gone = await council.get(f"/referrals/{next(iter(trial.gone))}")
        assert gone.status_code == 200
        assert trial.mark not in gone.text


def main(subjects: int, erased: int) -> None:
    """Play it on a stack of its own, then rebuild every service from its topics."""
    with RunningStack.in_temporary_folder() as stack:
        stack.start()
        trial = asyncio.run(play(stack, subjects, erased))
        sys.stdout.write(
            f"R19: {erased} of {subjects} erased in {trial.took_seconds:.1f} s, {trial.referred_meanwhile} others"
            " referred meanwhile; nothing typed found, no key left\n"
        )
        for service in LEFT:
            done = stack.run("replay", service, "--json", patience_seconds=300)
            sys.stdout.write(
                f"replay of {service}: {'equal' if done.returncode == 0 else done.stdout or done.stderr}\n"
            )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
