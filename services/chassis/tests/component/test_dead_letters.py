"""What operators see and do with dead letters, over HTTP on a real database: no bytes, one effect, a record of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from chassis.app import Parts, build_app
from chassis.audit import verify
from chassis.clock import MovableClock
from chassis.consumer import Processor, Subscription
from chassis.db import Tx
from chassis.errors import DependencyDown, Permanent
from chassis.ids import new_id
from chassis.records import Delivery, Source
from chassis.runtime import Runtime, build_runtime
from chassis.settings import ServiceSettings
from chassis.testing.events import AT, received, source_of_event, submitted
from chassis.testing.tokens import Issuer
from maillage_contracts import ReferralReceived, ReferralSubmitted

TOPIC = "referrals-referral-v1"
OPERATOR = UUID(int=0x0E)
ROUTE = "/operations/dead-letters"
CANARY = "Zorglub-Canari"


@dataclass
class Desk:
    """A service whose handler fails for chosen referrals, and its operator."""

    http: httpx.AsyncClient
    runtime: Runtime
    broken: dict[UUID, Exception]

    @property
    def processor(self) -> Processor:
        return self.runtime.processors[0]

    async def read(self, *sources: Source) -> None:
        await self.processor.process([replace(source, offset=n) for n, source in enumerate(sources)])

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        async with self.runtime.background_db.connection() as connection:
            return [dict(row) for row in await connection.fetch(statement)]

    async def effects(self) -> list[tuple[UUID, int]]:
        return [(row["subject"], row["version"]) for row in await self.rows("SELECT * FROM effects ORDER BY n")]

    async def get(self, path: str = "", **params: Any) -> Any:
        answer = await self.http.get(ROUTE + path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.http.post(ROUTE + path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def desk(database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Desk]:
    settings = ServiceSettings(stack="test", http_port=1, database_dsn=SecretStr(await database("chassis")))
    runtime = build_runtime("testing", settings, MovableClock(AT))
    app = build_app(runtime, Parts())
    issuer = Issuer(runtime.clock)
    issuer.trusted_by(app)
    broken: dict[UUID, Exception] = {}

    async def handle(tx: Tx, delivery: Delivery, _: Any) -> None:
        event = delivery.event
        assert isinstance(event, ReferralSubmitted | ReferralReceived)
        sql = "INSERT INTO effects (subject, version) VALUES ($1, $2)"
        await tx.execute(sql, event.referral_id, event.aggregate_version)
        if event.referral_id in broken:
            raise broken[event.referral_id]

    subscription = Subscription(TOPIC, one={ReferralSubmitted: handle, ReferralReceived: handle})
    runtime.processors = [Processor("testing", subscription, runtime.background_db, runtime.clock, runtime.doorbell)]
    async with runtime.background_db.transaction() as tx:
        await tx.execute("CREATE TABLE effects (n bigserial, subject uuid, version int)")
    headers = issuer.bearer(OPERATOR, code="operator", kind="operator", scope="operations")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testing", headers=headers) as http:
        yield Desk(http, runtime, broken)
    await runtime.background_db.close()


def story(length: int = 3) -> tuple[UUID, list[Source]]:
    referral = new_id()
    return referral, [
        source_of_event(submitted(referral)),
        *(source_of_event(received(referral, version)) for version in range(2, length + 1)),
    ]


def encoded(value: bytes | None) -> str:
    return base64.b64encode(value or b"").decode()


async def test_pages_are_bounded_and_follow_a_cursor(desk: Desk) -> None:
    await desk.read(*(replace(source_of_event(submitted()), value=b"{") for _ in range(7)))

    first = await desk.get(limit=3)
    second = await desk.get(limit=3, after=first["cursor"])
    third = await desk.get(limit=3, after=second["cursor"])

    found = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert len(found) == 7
    assert found == sorted(set(found))
    assert third["cursor"] is None
    assert (await desk.http.get(ROUTE, params={"limit": 501})).status_code == 422


async def test_causes_count_keys_and_what_waits_behind_them(desk: Desk) -> None:
    long, sources = story(5)
    desk.broken[long] = Permanent("the commune is unknown")
    poison = [replace(source_of_event(submitted()), value=b"{") for _ in range(3)]
    keyless = [replace(source_of_event(submitted()), value=b"{", key=None) for _ in range(2)]
    await desk.read(*sources, *poison, *keyless)

    groups = (await desk.get("/groups"))["items"]

    by_cause = {group["cause"]: (group["keys"], group["held"]) for group in groups}
    assert by_cause == {"Permanent: the commune is unknown": (1, 4), groups[0]["cause"]: (5, 0)}
    assert groups[0]["cause"].startswith("InvalidPayload")
    of_group = await desk.get(group=groups[0]["group"])
    assert len(of_group["items"]) == 5
    assert len((await desk.get(state="held"))["items"]) == 4


async def test_a_letter_is_shown_without_what_it_holds(desk: Desk) -> None:
    referral, sources = story(2)
    await desk.read(
        replace(sources[0], value=f'{{"name": "{CANARY}"'.encode()),
        sources[1],
        replace(source_of_event(submitted()), key=CANARY.encode(), value=CANARY.encode()),
    )
    page = await desk.get()

    shown = [await desk.get(f"/{item['id']}") for item in page["items"]]

    assert CANARY not in str(shown) + str(page) + str(await desk.get("/groups"))
    assert (shown[0]["key"], shown[0]["behind"], shown[0]["value_bytes"]) == (str(referral), 1, 25)
    assert (shown[1]["state"], shown[1]["first_of_key"]) == ("held", shown[0]["id"])
    assert (shown[2]["key"], shown[2]["key_bytes"]) == (None, len(CANARY))
    assert "ce_id" in shown[0]["header_names"]
    assert (await desk.http.get(f"{ROUTE}/999")).status_code == 404


async def test_reading_the_bytes_is_audited(desk: Desk) -> None:
    source = replace(source_of_event(submitted()), value=b"{broken")
    await desk.read(source)
    (item,) = (await desk.get())["items"]

    answer = await desk.http.get(f"{ROUTE}/{item['id']}/value", headers={"Maillage-Purpose": "dead-letter"})

    assert answer.content == b"{broken"
    assert answer.headers["cache-control"] == "no-store"
    (read,) = await desk.rows("SELECT * FROM audit")
    assert (read["record_kind"], str(read["record_id"]), read["purpose"]) == (
        "dead_letter", item["event_id"], "dead-letter"
    )  # fmt: skip
    async with desk.runtime.background_db.transaction() as tx:
        assert await verify(tx) is None
    assert [act["act"] for act in (await desk.get(f"/{item['id']}"))["acts"]] == ["value_read"]


async def test_a_corrected_event_keeps_its_id_and_those_behind_it_their_order(desk: Desk) -> None:
    referral, sources = story(4)
    bad = replace(sources[0], value=b"{")
    await desk.read(bad, *sources[1:])
    first = (await desk.get())["items"][0]
    assert (await desk.post(f"/{first['id']}/requeue"))["stopped_at"] == first["id"]

    await desk.post(f"/{first['id']}/correction", {"value": encoded(sources[0].value), "why": "cut in two"})
    outcome = await desk.post(f"/{first['id']}/requeue", {"why": "corrected"})

    assert outcome == {"handled": 4, "stopped_by": None, "stopped_at": None, "dry_run": False}
    assert await desk.effects() == [(referral, version) for version in (1, 2, 3, 4)]
    assert first["event_id"] in {str(row["event_id"]) for row in await desk.rows("SELECT event_id FROM inbox")}
    # Delivered once more, from the topic: nothing changes.
    await desk.read(*sources)
    assert len(await desk.effects()) == 4
    acts = await desk.rows("SELECT * FROM dead_letter_acts ORDER BY id")
    assert [(act["act"], act["why"], act["who"]) for act in acts] == [
        ("requeued", "unspecified", "client-operator"),
        ("corrected", "cut in two", "client-operator"),
        ("requeued", "corrected", "client-operator"),
    ]
    assert acts[1]["sha256_before"] == hashlib.sha256(b"{").digest()
    assert acts[1]["sha256_after"] == hashlib.sha256(sources[0].value or b"").digest()
    assert acts[1]["organisation_id"] == OPERATOR


async def test_bytes_that_are_no_better_or_another_event_change_nothing(desk: Desk) -> None:
    good = source_of_event(submitted())
    await desk.read(replace(good, value=b"{"))
    (item,) = (await desk.get())["items"]
    another = source_of_event(submitted())

    worse = await desk.post(f"/{item['id']}/correction", {"value": encoded(b"["), "why": "a try"}, 422)
    other = await desk.post(f"/{item['id']}/correction", {"value": encoded(another.value), "why": "a try"}, 422)
    silent = await desk.http.post(f"{ROUTE}/{item['id']}/correction", json={"value": encoded(good.value)})

    assert (worse["code"], other["code"], silent.status_code) == ("still_unreadable", "another_event", 422)
    assert [row["value"] for row in await desk.rows("SELECT value FROM dead_letters")] == [b"{"]
    assert await desk.rows("SELECT * FROM dead_letter_acts") == []


async def test_a_rehearsal_tells_the_outcome_and_changes_nothing(desk: Desk) -> None:
    referral, sources = story(3)
    desk.broken[referral] = Permanent("not yet")
    await desk.read(*sources)
    (first, *_) = (await desk.get())["items"]
    before = await desk.rows("SELECT * FROM dead_letters ORDER BY id")

    still = await desk.post(f"/{first['id']}/requeue", {"dry_run": True})
    desk.broken.clear()
    healed = await desk.post(f"/{first['id']}/requeue", {"dry_run": True})
    page = await desk.post("/requeue", {"all": True, "dry_run": True})

    assert (still["handled"], still["stopped_by"]) == (0, "Permanent: not yet")
    assert (healed["handled"], healed["stopped_by"], healed["dry_run"]) == (3, None, True)
    assert (page["keys"], page["handled"], page["cursor"]) == (1, 3, None)
    assert await desk.rows("SELECT * FROM dead_letters ORDER BY id") == before
    for table in ("effects", "inbox", "dead_letter_acts"):
        assert await desk.rows(f"SELECT * FROM {table}") == []


async def test_a_cause_is_requeued_alone_and_all_by_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.dead_letter_routes.KEYS_PER_PAGE", 2)
    healing = [story(3) for _ in range(5)]
    stubborn = [story(2) for _ in range(2)]
    desk.broken.update({referral: Permanent("was down") for referral, _ in healing})
    desk.broken.update({referral: Permanent("is wrong") for referral, _ in stubborn})
    await desk.read(*(source for _, sources in (*healing, *stubborn) for source in sources))
    for referral, _ in healing:
        del desk.broken[referral]
    groups = {group["cause"]: group["group"] for group in (await desk.get("/groups"))["items"]}
    pages: list[dict[str, Any]] = []
    cursor: int | None = 0
    while cursor is not None:
        pages.append(
            await desk.post(
                "/requeue", {"group": groups["Permanent: was down"], "after": cursor, "why": "it answers again"}
            )
        )
        cursor = pages[-1]["cursor"]
    rest = await desk.post("/requeue", {"all": True})

    assert len(pages) == 3
    assert (sum(page["keys"] for page in pages), sum(page["handled"] for page in pages)) == (5, 15)
    assert (rest["keys"], rest["handled"], rest["failed"]) == (2, 0, 2)
    done = await desk.effects()
    assert all([version for subject, version in done if subject == referral] == [1, 2, 3] for referral, _ in healing)
    assert len(await desk.rows("SELECT id FROM dead_letters")) == 4
    asked = await desk.rows("SELECT selection, why FROM dead_letter_acts ORDER BY id")
    assert [(act["selection"], act["why"]) for act in asked] == [
        (groups["Permanent: was down"], "it answers again"), ("all", "unspecified")
    ]  # fmt: skip


async def test_nothing_is_requeued_without_saying_which(desk: Desk) -> None:
    for body in ({}, {"group": "0123456789", "all": True}, {"group": "every"}):
        assert (await desk.http.post(f"{ROUTE}/requeue", json=body)).status_code == 422


async def test_what_does_not_answer_ends_the_page_and_loses_nothing(desk: Desk) -> None:
    stories = [story(2) for _ in range(3)]
    desk.broken.update({referral: Permanent("not yet") for referral, _ in stories})
    await desk.read(*(source for _, sources in stories for source in sources))
    desk.broken.clear()
    desk.broken[stories[1][0]] = DependencyDown("referrals does not answer")

    page = await desk.post("/requeue", {"all": True})
    desk.broken.clear()
    rest = await desk.post("/requeue", {"all": True, "after": page["cursor"]})

    assert (page["handled"], page["waits_for"]) == (2, "referrals does not answer")
    assert (rest["handled"], rest["cursor"]) == (4, None)
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def test_what_an_interrupted_requeue_left_behind_is_a_cause_too(desk: Desk) -> None:
    referral, sources = story(4)
    await desk.read(replace(sources[0], value=b"{"), *sources[1:])
    await desk.rows("DELETE FROM dead_letters WHERE state = 'dead' RETURNING id")

    (group,) = (await desk.get("/groups"))["items"]
    outcome = await desk.post("/requeue", {"group": group["group"]})

    assert (group["state"], group["keys"], group["held"]) == ("held", 1, 2)
    assert outcome["handled"] == 3
    assert await desk.effects() == [(referral, version) for version in (2, 3, 4)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("GET", "/groups"), ("GET", "/1"), ("GET", "/1/value"), ("POST", "/1/correction"),
        ("POST", "/1/requeue"), ("POST", "/requeue"),
    ],
)  # fmt: skip
async def test_only_operators(desk: Desk, method: str, path: str) -> None:
    issuer = Issuer(desk.runtime.clock)
    issuer.trusted_by(desk.http._transport.app)  # type: ignore[attr-defined]  # httpx's own, the app under test
    headers = issuer.bearer(OPERATOR, code="cd93", kind="council", scope="referrals:read feed:read")

    assert (await desk.http.request(method, ROUTE + path, headers=headers)).status_code == 403
