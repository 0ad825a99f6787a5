"""How the feed is read, without doing it: which calls to make, what to make of each answer, when to pause.

Each function is a generator that yields a Call or a Pause and is sent an Answer for a Call. `feed.py` drives them with
httpx, blocking or not; nothing here opens a connection, reads a clock or sleeps.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from maillage_contracts.received import Received, receive

PAUSE_SECONDS_MAX = 60.0
"""How long between two attempts when nobody answers, at most."""
RETRY_AFTER_SECONDS_MAX = 600.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request to make; `form` is for POST."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    token: str | None = None
    """Without one, the call goes with client id and secret (HTTP Basic)."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this long, then go on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought; status 0 where nobody answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Steps = Generator[Call | Pause, Answer | None, Any]


CURSOR_TOO_OLD = "cursor_too_old"
_IN_WORDS = {
    CURSOR_TOO_OLD: "events after this cursor are more than two years old and no longer kept: start again with"
    " after=error.oldest, the cursor before the oldest event kept; what lies before it cannot be read any more",
}


class FeedRefused(Exception):
    """Maillage refuses for good (credentials, scope, cursor or filter): `code` says which; trying again is no use."""

    def __init__(self, status: int, code: str, oldest: str | None = None) -> None:
        super().__init__(f"{status} {code}: {_IN_WORDS[code]}" if code in _IN_WORDS else f"{status} {code}")
        self.status = status
        self.code = code
        self.oldest = oldest
        """With `cursor_too_old`: the cursor from which to start again."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and the cursor after them: store it once you are done with them."""

    events: Sequence[Received]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The digest of one day of the stream. `complete` days do not change any more."""

    day: date
    first_sequence: int
    last_sequence: int
    sha256: str
    complete: bool
    kept: bool = True
    """Its events can still be read: they are for two years, and the digest for good."""


class FeedProtocol:
    """One reader's conversation with the feed: obtains tokens, repeats what failed for a while, refuses the rest."""

    def __init__(
        self, *, types: Sequence[str] = (), limit: int = 100, jitter: Callable[[], float] = random.random
    ) -> None:
        self._types = tuple(types)
        self._limit = limit
        self._jitter = jitter
        self._token: str | None = None

    def page(self, after: str | None, wait: int) -> Steps:
        """Return the Page after a cursor, waiting up to `wait` seconds (25 at most) for the first event."""
        params = {"limit": str(self._limit), "wait": str(wait)}
        if after:
            params["after"] = after
        if self._types:
            params["types"] = ",".join(self._types)
        document = yield from self._get("/feed", params)
        events = [receive(event) for event in document["events"]]
        return Page(events, document["cursor"], document["more"])

    def digests(self, first: date | None, last: date | None) -> Steps:
        """Return the digests of the days asked for, oldest first; the last seven without a choice."""
        chosen = (("from", first), ("to", last))
        document = yield from self._get("/feed/digest", {name: day.isoformat() for name, day in chosen if day})
        return [
            Day(
                date.fromisoformat(d["day"]),
                d["first_sequence"],
                d["last_sequence"],
                d["sha256"],
                d["complete"],
                d.get("kept", True),
            )
            for d in document["days"]
        ]

    def _get(self, path: str, params: Mapping[str, str]) -> Steps:
        renewed = False
        failures = 0
        while True:
            if self._token is None:
                self._token = yield from self._obtain_token()
            answer = yield Call("GET", path, params, token=self._token)
            assert answer is not None
            if answer.status == 200:
                return json.loads(answer.body)
            if answer.status == 401 and not renewed:
                self._token, renewed = None, True
                continue
            failures += 1
            yield self._again(answer, failures)
            # A token lives five minutes: after a pause it may be time for another.
            renewed = False

    def _obtain_token(self) -> Steps:
        failures = 0
        while True:
            answer = yield Call("POST", "/oauth/token", form={"grant_type": "client_credentials"})
            assert answer is not None
            if answer.status == 200:
                return json.loads(answer.body)["access_token"]
            failures += 1
            yield self._again(answer, failures)

    def _again(self, answer: Answer, failures: int) -> Pause:
        if answer.status not in (0, 408, 425, 429) and answer.status < 500:
            document = _document(answer.body)
            raise FeedRefused(answer.status, _code(document), _text(document.get("oldest")))
        asked = answer.headers.get("retry-after", "")
        if asked.isascii() and asked.isdigit():
            return Pause(min(float(asked), RETRY_AFTER_SECONDS_MAX) + self._jitter())
        return Pause(min(PAUSE_SECONDS_MAX, 0.5 * 2 ** min(failures, 10)) * (0.5 + self._jitter() / 2))


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _code(document: Mapping[str, Any]) -> str:
    return _text(document.get("code") or document.get("error")) or "refused"


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None
