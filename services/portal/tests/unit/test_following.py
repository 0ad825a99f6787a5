"""One poll an organisation however many pages are open; a page that reconnects misses nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from starlette.requests import Request

from portal.adapters.answers import feed_batch
from portal.adapters.http.live import Live, Values, Watched
from portal.adapters.http.referrals import referral_values
from portal.app import follow_feed
from portal.app.follow_feed import QUEUE_CHANGES_MAX, FeedHub, Follower
from portal.app.ports import FeedBatch
from portal.domain.errors import Refused, ServiceSilent
from portal.domain.member import Member, Session

from .conftest import CASEWORKER, REFERRAL_ID, VOLUNTEER, Portal, referral_document

OTHER = UUID(int=8)


class MemoryFeed:
    """A feed whose changes are written by the test."""

    def __init__(self) -> None:
        self.changes: list[UUID] = []
        self.unsettled: set[UUID] = set()
        self.failures: list[Exception] = []
        self.waiting = 0
        self.most_waiting = 0
        self._more = asyncio.Condition()

    async def read(self, member: Member, *, after: str, wait_seconds: int) -> FeedBatch:
        if self.failures:
            raise self.failures.pop(0)
        position = int(after or 0)
        async with self._more:
            self.most_waiting = max(self.most_waiting, self.waiting + 1)
            if wait_seconds:
                await self._wait(lambda: len(self.changes) > position)
        changes = tuple(self.changes[position:])
        unsettled = tuple(one for one in changes if one in self.unsettled)
        return FeedBatch(changes, str(len(self.changes)), False, unsettled)

    async def _wait(self, ready: Callable[[], bool]) -> None:
        self.waiting += 1
        self._more.notify_all()
        try:
            await self._more.wait_for(ready)
        finally:
            self.waiting -= 1

    async def until(self, ready: Callable[[], bool]) -> None:
        async with self._more:
            await self._more.wait_for(ready)

    async def change(self, referral_id: UUID) -> None:
        async with self._more:
            self.changes.append(referral_id)
            self._more.notify_all()


class MemoryCursors:
    def __init__(self) -> None:
        self.saved: dict[str, str] = {}

    async def load(self, organisation_code: str) -> str:
        return self.saved.get(organisation_code, "")

    async def save(self, organisation_code: str, cursor: str) -> None:
        self.saved[organisation_code] = cursor


async def until_polling(feed: MemoryFeed, polls: int = 1) -> None:
    async with asyncio.timeout(5):
        await feed.until(lambda: feed.waiting == polls)


async def test_one_poll_serves_every_page_of_an_organisation() -> None:
    feed, cursors = MemoryFeed(), MemoryCursors()
    hub = FeedHub(feed, cursors)
    async with hub.follow(CASEWORKER) as one, hub.follow(CASEWORKER) as two, hub.follow(CASEWORKER) as three:
        await until_polling(feed)
        await feed.change(REFERRAL_ID)
        for follower in (one, two, three):
            assert await follower.next(5) == ("1", frozenset({REFERRAL_ID}))
        await until_polling(feed)
    assert feed.most_waiting == 1
    assert cursors.saved == {"cd93": "1"}
    await hub.close()


async def test_organisations_do_not_hear_one_another() -> None:
    feed = MemoryFeed()
    hub = FeedHub(feed, MemoryCursors())
    async with hub.follow(CASEWORKER), hub.follow(VOLUNTEER):
        await until_polling(feed, 2)
        assert hub.changed_since("cd93", "0") == frozenset()
        assert hub.changed_since("nobody", "0") is None
    await hub.close()
    assert feed.waiting == 0


async def test_reconnecting_page_gets_what_changed_since_its_last_event() -> None:
    feed = MemoryFeed()
    hub = FeedHub(feed, MemoryCursors())
    async with hub.follow(CASEWORKER) as follower:
        await until_polling(feed)
        for referral_id in (OTHER, REFERRAL_ID):
            await feed.change(referral_id)
            await follower.next(5)
        assert hub.position("cd93") == "2"
        assert hub.changed_since("cd93", "1") == frozenset({REFERRAL_ID})
        assert hub.changed_since("cd93", "2") == frozenset()
        assert hub.changed_since("cd93", "older than we remember") is None
    await hub.close()


async def test_slow_page_is_told_to_read_the_state_when_changes_were_dropped() -> None:
    follower = Follower(CASEWORKER)
    for n in range(QUEUE_CHANGES_MAX + 1):
        follower.offer(str(n), frozenset({OTHER}))
    assert follower.behind
    assert await follower.next(1) == ("0", frozenset({OTHER}))


async def test_polling_goes_on_when_the_feed_fails_and_then_returns() -> None:
    feed, cursors = MemoryFeed(), MemoryCursors()
    cursors.saved["cd93"] = "999"
    feed.changes.append(REFERRAL_ID)
    feed.failures = [ServiceSilent("partners"), Refused("bad_cursor")]
    hub = FeedHub(feed, cursors)
    async with hub.follow(CASEWORKER) as follower:
        assert await follower.next(10) == ("1", frozenset({REFERRAL_ID}))
    await hub.close()


async def test_stream_sends_what_a_reload_would_show_when_the_referral_changes(portal: Portal) -> None:
    feed = MemoryFeed()
    hub = portal.app.state.shell.hub
    hub._feed, hub._cursors = feed, MemoryCursors()
    path = f"/referrals/{REFERRAL_ID}"
    portal.services.answers[("GET", path)] = (200, referral_document())
    await portal.sign_in(VOLUNTEER)
    lines = await _events(portal, feed, path)
    text = "\n".join(lines)
    assert "id: 1" in lines
    assert "event: suivi" in lines
    page = await portal.browser.get(f"/orientations/{REFERRAL_ID}")
    pushed = "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))
    parts = re.split(r'(?=<div id="(?:etat|histoire|retrait)")', plain(pushed))[1:]
    assert len(parts) == 3
    assert [part for part in parts if part not in plain(page.text)] == []
    assert "a reçu l’orientation" in text


def plain(html: str) -> str:
    """Return markup without what differs each time it is drawn: blanks between tags, and the keys of acts."""
    return re.sub(r'name="cle" value="[^"]*"', "", re.sub(r"\s*\n\s*", "", html))


async def _events(portal: Portal, feed: MemoryFeed, path: str) -> list[str]:
    """Open the stream, change the referral, and return the lines of the first event that shows something."""
    drawn = re.search(r'data-vu="(\w+)"', (await portal.browser.get(f"/orientations/{REFERRAL_ID}")).text)
    assert drawn is not None
    received: asyncio.Queue[bytes] = asyncio.Queue()
    scope = {
        "type": "http", "method": "GET", "path": f"/orientations/{REFERRAL_ID}/flux", "raw_path": b"",
        "query_string": f"vu={drawn[1]}".encode(),
        "headers": [(b"cookie", f"maillage_session={portal.token}".encode()), (b"host", b"portal.test")],
        "http_version": "1.1", "scheme": "http", "server": ("portal.test", 80), "client": ("t", 1), "root_path": "",
    }  # fmt: skip
    gone = asyncio.Event()
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, object]:
        for message in asked:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        if isinstance(body, bytes):
            await received.put(body)

    running = asyncio.create_task(portal.app(scope, receive, send))  # type: ignore[arg-type]  # a narrower dict
    await until_polling(feed)
    step = {"at": "2026-11-21T09:00:00Z", "status": "received", "by": "receiver", "organisation_name": "Le conseil"}
    history = [step]
    portal.services.answers[("GET", path)] = (200, referral_document(version=2, status="received", history=history))
    await feed.change(REFERRAL_ID)
    lines: list[str] = []
    async with asyncio.timeout(5):
        while not any(line.startswith("event:") for line in lines):
            lines += (await received.get()).decode().splitlines()
    gone.set()
    await running
    return lines


def live_of(portal: Portal) -> Live:
    """Return the open page of a member whose session may end."""
    session = Session(VOLUNTEER, "csrf", portal.app.state.shell.clock.now())
    scope = {"type": "http", "app": portal.app, "headers": [(b"cookie", f"maillage_session={portal.token}".encode())]}

    async def read() -> Values:
        return referral_values(session, await portal.app.state.shell.desk.read(VOLUNTEER, REFERRAL_ID))

    return Live(Request(scope), session, Watched(REFERRAL_ID, "referral_live.html", read), "")


async def test_step_that_leaves_the_version_alone_is_pushed_once(portal: Portal) -> None:
    await portal.sign_in(VOLUNTEER)
    live, path = live_of(portal), ("GET", f"/referrals/{REFERRAL_ID}")
    portal.services.answers[path] = (200, referral_document())
    assert await live._read("1") is not None
    assert await live._read("2") is None
    history = [{"at": "2026-11-21T09:00:00Z", "status": "identified", "by": "registration"}]
    portal.services.answers[path] = (200, referral_document(history=history))
    pushed = await live._read("3")
    assert pushed is not None
    assert "La personne est identifiée dans le registre" in pushed


async def test_nothing_is_pushed_when_the_session_ended_while_waiting(portal: Portal) -> None:
    await portal.sign_in(VOLUNTEER)
    live = live_of(portal)
    portal.services.answers[("GET", f"/referrals/{REFERRAL_ID}")] = (200, referral_document())
    await portal.sessions.close(portal.token)
    assert await live._read("1") is None


async def test_event_of_another_service_is_told_again_shortly_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_feed, "SETTLE_SECONDS", (0.05, 0.1))
    feed = MemoryFeed()
    hub = FeedHub(feed, MemoryCursors())
    async with hub.follow(CASEWORKER) as follower:
        await until_polling(feed)
        feed.unsettled.add(REFERRAL_ID)
        await feed.change(REFERRAL_ID)
        told = [await follower.next(5) for _ in range(3)]
        assert told == [("1", frozenset({REFERRAL_ID}))] * 3
        assert hub.changed_since("cd93", "1") == frozenset({REFERRAL_ID})
        assert await follower.next(0.2) is None
    await hub.close()


@pytest.mark.parametrize(
    ("kind", "unsettled"),
    [
        ("referrals.referral.received", False), ("referrals.accompaniment.activated", False),
        ("registration.person.identified", True), ("registration.appointment.booked", True),
        ("training.enrolment.confirmed", True), ("somebody.new.told", True),
    ],
)  # fmt: skip
def test_feed_says_which_referrals_another_service_may_know_more_of(kind: str, unsettled: bool) -> None:
    events = [{"type": f"fr.maillage.{kind}.v1", "data": {"referral_id": str(REFERRAL_ID)}}]
    later = (REFERRAL_ID,) if unsettled else ()
    assert feed_batch({"events": events, "cursor": "2"}) == FeedBatch((REFERRAL_ID,), "2", False, later)


async def test_stream_of_somebody_elses_referral_is_not_found(portal: Portal) -> None:
    await portal.sign_in(VOLUNTEER)
    answer = await portal.browser.get(f"/orientations/{REFERRAL_ID}/flux")
    assert answer.status_code == httpx.codes.NOT_FOUND
