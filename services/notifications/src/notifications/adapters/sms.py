"""SMS through a gateway over HTTP. The notice's id is the reference: a gateway that was given it twice sends it once.

Receipts come back on their own route, signed with the same secret.
"""

from __future__ import annotations

import hashlib
import hmac

import httpx

from chassis.errors import DependencyDown
from chassis.outgoing import internal_client
from notifications.app.ports import Deferred, Message, Refused

SENDER = "Maillage"
"""What the telephone shows: a name, since France bans mobile numbers as senders of messages like these."""

SIGNATURE_VERSION = "v1"


class SmsCarrier:
    """The `Carrier` port over one gateway."""

    def __init__(self, url: str, token: str, *, http: httpx.AsyncClient | None = None) -> None:
        self._url = f"{url.rstrip('/')}/messages"
        self._token = token
        self._http = http or internal_client(connections=8)

    async def send(self, message: Message) -> str | None:
        """Hand the message over and return the gateway's id."""
        document = {
            "reference": str(message.notice_id), "sender": SENDER, "to": message.to, "text": message.body,
        }  # fmt: skip
        try:
            answer = await self._http.post(self._url, json=document, headers={"authorization": f"Bearer {self._token}"})
        except httpx.HTTPError as error:
            raise DependencyDown(f"the SMS gateway does not answer ({type(error).__name__})") from None
        status = answer.status_code
        if status in (200, 202):
            return _reference(answer)
        if status == 429 or status >= 500:
            raise Deferred(f"http_{status}")
        if status in (400, 409, 422):
            raise Refused(f"http_{status}")
        # 401, 403, 404 …: the address or the token is wrong, for every message alike.
        raise DependencyDown(f"the SMS gateway refuses this service ({status})")

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()


def _reference(answer: httpx.Response) -> str | None:
    try:
        return str(answer.json()["id"])[:64]
    except (ValueError, KeyError, TypeError):
        return None


def signature_of(body: bytes, token: str) -> str:
    """Return what the gateway writes in `Maillage-Signature` for a receipt."""
    return f"{SIGNATURE_VERSION}={hmac.new(token.encode(), body, hashlib.sha256).hexdigest()}"


def is_signed(body: bytes, signature: str, token: str) -> bool:
    """Say whether the receipt comes from whoever holds the token; takes as long whatever is wrong."""
    return hmac.compare_digest(signature_of(body, token).encode(), signature.encode())
