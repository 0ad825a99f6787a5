"""Receipts: signed, told again until they are taken, and not told again where that would change nothing."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from chassis.clock import MovableClock
from maillage.desk import receipts
from maillage.desk.receipts import Receipts
from maillage.desk.sms import SmsBox, TextMessage

AT = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
TOKEN = "a token for tests"


class Caller:
    """The notifications service: answers what it is told to, and the last answer from then on."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == 0:
            raise httpx.ConnectError("refused")
        return httpx.Response(status)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "PAUSES_SECONDS", (0.0,) * 5)


@pytest.fixture
async def http() -> AsyncIterator[list[httpx.AsyncClient]]:
    opened: list[httpx.AsyncClient] = []
    yield opened
    for client in opened:
        await client.aclose()


async def told(
    box: SmsBox, caller: Caller, http: list[httpx.AsyncClient], message: TextMessage | None = None
) -> TextMessage:
    """Tell the receipts that are due, and return what became of the only message."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(caller))
    http.append(client)
    telling = Receipts(box, client, "http://notifications.test", TOKEN, MovableClock(AT))
    if message is None:
        telling.resume()
    else:
        telling.due(message)
    async with asyncio.timeout(10):
        while telling._tasks:
            await asyncio.sleep(0)
    await telling.close()
    (found,) = box.newest_first()
    return found


def sent(box: SmsBox, to: str = "+33639981200") -> TextMessage:
    body = {"reference": "notice-1", "sender": "Maillage", "to": to, "text": "Bonjour"}
    return box.accept(body, AT)[0]


async def test_a_receipt_is_signed_and_says_what_became_of_the_message(
    tmp_path: Path, http: list[httpx.AsyncClient]
) -> None:
    box, caller = SmsBox(tmp_path), Caller(200)
    message = await told(box, caller, http, sent(box, "+33639981298"))

    (request,) = caller.requests
    assert str(request.url) == "http://notifications.test/receipts/sms"
    assert json.loads(request.content) == {
        "id": message.id,
        "reference": "notice-1",
        "status": "undeliverable",
        "at": "2026-11-24T13:00:00.000Z",
    }
    expected = hmac.new(TOKEN.encode(), request.content, hashlib.sha256).hexdigest()
    assert request.headers["Maillage-Signature"] == f"v1={expected}"
    assert (message.receipt, message.tries) == ("taken", 1)


async def test_a_receipt_is_told_again_until_it_is_taken(tmp_path: Path, http: list[httpx.AsyncClient]) -> None:
    box, caller = SmsBox(tmp_path), Caller(0, 404, 503, 200)
    message = await told(box, caller, http, sent(box))

    assert (message.receipt, message.tries, message.answer) == ("taken", 4, "200")
    assert len({request.content for request in caller.requests}) == 1, "the same words each time"


@pytest.mark.parametrize(("answer", "tries"), [(401, 1), (422, 1), (500, 5), (404, 5)])
async def test_a_receipt_that_is_refused_is_given_up(
    tmp_path: Path, http: list[httpx.AsyncClient], answer: int, tries: int
) -> None:
    box = SmsBox(tmp_path)
    message = await told(box, Caller(answer), http, sent(box))

    assert (message.receipt, message.tries, message.answer) == ("given_up", tries, str(answer))


async def test_those_that_were_due_go_on_after_a_restart(tmp_path: Path, http: list[httpx.AsyncClient]) -> None:
    sent(SmsBox(tmp_path))
    caller = Caller(200)

    assert (await told(SmsBox(tmp_path), caller, http)).receipt == "taken"
    assert (await told(SmsBox(tmp_path), caller, http)).receipt == "taken"
    assert len(caller.requests) == 1


async def test_a_silent_number_has_no_receipt(tmp_path: Path, http: list[httpx.AsyncClient]) -> None:
    box, caller = SmsBox(tmp_path), Caller(200)
    await told(box, caller, http, sent(box, "+33639981296"))

    assert caller.requests == []
