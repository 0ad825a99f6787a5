"""The feed's client against a server of the same rules: resuming, losing nothing in a crash, tokens, pauses, proof."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from maillage_contracts.feed import AsyncFeed, Feed, FeedRefused
from maillage_contracts.read_log import ReadLog

DAY = "2026-11-27"


@dataclass
class Server:
    """Answers as partners does; `trouble` are answers given first."""

    ids: list[UUID] = field(default_factory=lambda: [UUID(int=n) for n in range(1, 8)])
    trouble: list[httpx.Response | Exception] = field(default_factory=list)
    tokens: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            assert request.headers["authorization"].startswith("Basic ")
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"t{self.tokens}"})
        if self.trouble:
            found = self.trouble.pop(0)
            if isinstance(found, Exception):
                raise found
            return found
        assert request.headers["authorization"] == f"Bearer t{self.tokens}"
        if request.url.path == "/feed/digest":
            whole = hashlib.sha256(b"".join(one.bytes for one in self.ids)).hexdigest()
            day = {"day": DAY, "first_sequence": 1, "last_sequence": len(self.ids), "sha256": whole, "complete": True}
            return httpx.Response(200, json={"days": [day]})
        params = dict(request.url.params)
        self.asked.append(params)
        start = int(params.get("after", "0"))
        stop = min(len(self.ids), start + int(params["limit"]))
        events = [
            {"id": str(self.ids[n]), "type": "fr.maillage.a.b.c.v1", "sequence": str(n + 1)} for n in range(start, stop)
        ]
        return httpx.Response(200, json={"events": events, "cursor": str(stop), "more": stop < len(self.ids)})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    transport = httpx.MockTransport(made)
    sync, later = httpx.Client, httpx.AsyncClient
    monkeypatch.setattr(httpx, "Client", lambda **options: sync(**options, transport=transport))
    monkeypatch.setattr(httpx, "AsyncClient", lambda **options: later(**options, transport=transport))
    monkeypatch.setattr("time.sleep", made.paused.append)
    return made


def options(folder: Path, **more: Any) -> dict[str, Any]:
    return {"client_id": "cd93-1", "client_secret": "s", "state": folder, "limit": 3, **more}


def test_everything_is_read_once_and_a_later_reader_goes_on_from_there(server: Server, tmp_path: Path) -> None:
    with Feed("http://x", **options(tmp_path)) as feed:
        assert [one.id for one in feed.until_now()] == server.ids
    server.ids.append(UUID(int=99))
    with Feed("http://x", **options(tmp_path)) as feed:
        assert [one.sequence for one in feed.until_now()] == [8]
        assert all(feed.verify())
    assert server.tokens == 2


async def test_asynchronous_reader_does_the_same(server: Server, tmp_path: Path) -> None:
    async with AsyncFeed("http://x", **options(tmp_path)) as feed:
        assert [one.id async for one in feed.until_now()] == server.ids
        assert all(await feed.verify())
    server.ids.append(UUID(int=99))
    async with AsyncFeed("http://x", **options(tmp_path)) as feed:
        async for one in feed:
            assert one.id == UUID(int=99)
            break


def test_page_comes_again_when_its_handling_broke_off(server: Server, tmp_path: Path) -> None:
    def handle(events: Iterator[Any]) -> None:
        for one in events:
            if one.sequence == 5:
                raise RuntimeError("the reader dies")

    with Feed("http://x", **options(tmp_path)) as feed, pytest.raises(RuntimeError):
        handle(feed.until_now())
    with Feed("http://x", **options(tmp_path)) as feed:
        assert [one.sequence for one in feed.until_now()] == [4, 5, 6, 7]


def test_hole_is_named_when_something_was_not_read(server: Server, tmp_path: Path) -> None:
    with Feed("http://x", **options(tmp_path)) as feed:
        list(feed.until_now())
        with ReadLog(tmp_path / "read.ids") as log:
            log.note(4, UUID(int=0))
        [checked] = feed.verify()
        assert not checked
        assert checked.missing == (4,)
        with ReadLog(tmp_path / "read.ids") as log:
            log.note(4, UUID(int=777))
        [checked] = feed.verify()
        assert (bool(checked), checked.missing) == (False, ())


def test_types_and_a_cursor_of_ones_own_are_passed_on(server: Server) -> None:
    feed = Feed("http://x", client_id="a", client_secret="b", after="6", types=["a.b.*", "c"])

    assert [one.sequence for one in feed.until_now()] == [7]
    assert server.asked[0]["types"] == "a.b.*,c"
    assert feed.cursor == "7"
    with pytest.raises(ValueError, match="some types"):
        feed.verify()
    feed.close()


def test_reader_without_a_folder_cannot_prove_anything(server: Server) -> None:
    with Feed("http://x", client_id="a", client_secret="b") as feed, pytest.raises(ValueError, match="state folder"):
        feed.verify()


def test_days_before_the_first_cursor_are_not_holes(server: Server, tmp_path: Path) -> None:
    with Feed("http://x", **options(tmp_path, after="3")) as feed:
        assert [one.sequence for one in feed.until_now()] == [4, 5, 6, 7]
        assert feed.verify() == [], "its only day began before"
    # The folder remembers it, and a reader from the beginning would see the hole.
    with Feed("http://x", **options(tmp_path)) as feed:
        assert feed.verify() == []
        (tmp_path / "from-within").unlink()
        [checked] = feed.verify()
        assert checked.missing == (1, 2, 3)


def test_outage_is_waited_for_and_an_old_token_renewed(server: Server, tmp_path: Path) -> None:
    server.trouble = [
        httpx.ConnectError("down"), httpx.Response(503), httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(401, json={"code": "token_expired"}),
    ]  # fmt: skip
    with Feed("http://x", **options(tmp_path)) as feed:
        assert len(list(feed.until_now())) == 7

    assert len(server.paused) == 3
    assert 7 <= server.paused[2] <= 8
    assert server.tokens == 2


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"code": "bad_cursor"}, "bad_cursor"), (403, {"code": "scope_missing"}, "scope_missing"),
        (404, [], "refused"), (422, None, "refused"),
    ],
)  # fmt: skip
def test_refusal_for_good_is_raised(server: Server, tmp_path: Path, status: int, body: object, code: str) -> None:
    content = b"<html>" if body is None else json.dumps(body).encode()
    server.trouble = [httpx.Response(status, content=content)]
    with Feed("http://x", **options(tmp_path)) as feed, pytest.raises(FeedRefused) as refused:
        list(feed.until_now())

    assert (refused.value.status, refused.value.code) == (status, code)


def test_cursor_that_is_too_old_is_said_in_a_sentence_with_where_to_start_again(server: Server, tmp_path: Path) -> None:
    server.trouble = [httpx.Response(410, json={"code": "cursor_too_old", "oldest": "4"})]
    with Feed("http://x", **options(tmp_path), after="2") as feed, pytest.raises(FeedRefused) as refused:
        next(iter(feed))
    assert str(refused.value).startswith("410 cursor_too_old: events after this cursor are more than two years old")

    with Feed("http://x", **options(tmp_path), after=refused.value.oldest) as feed:
        assert [one.sequence for one in feed.until_now()] == [5, 6, 7]


def test_second_refusal_of_a_token_is_raised(server: Server, tmp_path: Path) -> None:
    server.trouble = [httpx.Response(401, json={"code": "token_revoked"})] * 2
    with Feed("http://x", **options(tmp_path)) as feed, pytest.raises(FeedRefused, match="token_revoked"):
        list(feed.until_now())
