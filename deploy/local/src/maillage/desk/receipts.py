"""Receipts of text messages: told to the notifications service, signed, again and again until it takes them.

A receipt that nobody takes is given up after the last pause. Those that were due when the desk stopped go on when it
starts: a receipt may therefore come late or twice, as from any provider.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import urljoin

import httpx

from chassis.clock import Clock
from maillage.desk.sms import Receipt, SmsBox, TextMessage

PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 300.0)
"""Before each try. The first lets the answer to the caller arrive before its receipt."""
ANSWER_SECONDS = 5.0
FOR_GOOD = frozenset({400, 401, 403, 405, 410, 413, 415, 422})
"""Answers that another try would not change; 404 may be a receipt that came before the caller noted the message."""

SIGNATURE = "Maillage-Signature"


def signature(token: str, body: bytes) -> str:
    """Return the value of the signature's header."""
    return f"v1={hmac.new(token.encode(), body, hashlib.sha256).hexdigest()}"


class Receipts:
    """Tells them, one task a message."""

    def __init__(self, box: SmsBox, http: httpx.AsyncClient, base_url: str, token: str, clock: Clock) -> None:
        self._box = box
        self._http = http
        self._url = urljoin(base_url.rstrip("/") + "/", "receipts/sms")
        self._token = token
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Go on with those that were due before a restart."""
        for message in self._box.newest_first():
            self.due(message)

    def due(self, message: TextMessage) -> None:
        """Tell this message's receipt from now on; does nothing for one that is taken, given up or never."""
        if message.receipt == "due":
            task = asyncio.create_task(self._tell(message.id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop telling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self, message_id: str) -> None:
        at = ""
        for number, pause in enumerate(PAUSES_SECONDS, start=1):
            await asyncio.sleep(pause)
            message = self._box.get(message_id)
            if message is None:
                return
            at = at or self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
            status, answer = await self._post(message, at)
            taken = 200 <= status < 300
            last = status in FOR_GOOD or number == len(PAUSES_SECONDS)
            # Read again: the message may have been handed over once more meanwhile.
            message = self._box.get(message_id) or message
            receipt: Receipt = "taken" if taken else "given_up" if last else "due"
            self._box.keep(replace(message, receipt=receipt, tries=message.tries + 1, answer=answer))
            if receipt != "due":
                return

    async def _post(self, message: TextMessage, at: str) -> tuple[int, str]:
        document = {"id": message.id, "reference": message.reference, "status": message.status, "at": at}
        body = json.dumps(document).encode()
        headers = {"content-type": "application/json", SIGNATURE: signature(self._token, body)}
        try:
            response = await self._http.post(self._url, content=body, headers=headers, timeout=ANSWER_SECONDS)
        except httpx.HTTPError as error:
            return 0, type(error).__name__
        return response.status_code, str(response.status_code)
