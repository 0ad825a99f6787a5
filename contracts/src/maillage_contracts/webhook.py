"""Read a webhook of Maillage: check its signature (Standard Webhooks 1.0), then decode the event it carries.

Depends on nothing but this package. A body whose signature, age or headers are wrong raises InvalidSignature
before anything of it is read. Give every secret you hold: during a rotation two of them are right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence

from maillage_contracts.errors import ContractError, InvalidPayload
from maillage_contracts.received import Received, receive

TOLERANCE_SECONDS = 300
"""How old or how early a message may be, as the specification advises: older ones may be replayed by somebody else."""

SECRET_PREFIX = "whsec_"


CHALLENGE_TYPE = "fr.maillage.partners.webhook.challenge.v1"
"""Sent once to a new address, and no event: give its challenge back, and delivery begins."""


class InvalidSignature(ContractError):
    """The message was not signed with one of these secrets, or not now: answer 401 and do nothing with it."""


def read_webhook(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: float | None = None
) -> Received:
    """Return the event of a request whose signature is right; answer 2xx once you have stored it."""
    verify(headers, body, secrets, now=now)
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InvalidPayload(["value: not a JSON object"])
    return receive(document)


def challenge_of(received: Received) -> str | None:
    """Return the challenge to give back as `{"challenge": …}` with 200, or None where this is an event."""
    data = received.document.get("data")
    challenge = data.get("challenge") if received.type == CHALLENGE_TYPE and isinstance(data, dict) else None
    return challenge if isinstance(challenge, str) else None


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: float | None = None) -> None:
    """Return where one of the secrets made one of the signatures over exactly this body, and lately.

    Header names may be in any case. Raises InvalidSignature, whose message says which check failed.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    signatures = found.get("webhook-signature", "")
    if not message_id or not signatures:
        raise InvalidSignature("webhook-id or webhook-signature is missing")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise InvalidSignature("webhook-timestamp is not a number of seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_SECONDS:
        raise InvalidSignature("webhook-timestamp is too old or in the future")
    given = [part.partition(",")[2].encode() for part in signatures.split() if part.startswith("v1,")]
    signed = f"{message_id}.{timestamp}.".encode() + body
    for secret in secrets:
        expected = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest())
        # In constant time: how long a comparison takes says nothing of the right signature.
        if any(hmac.compare_digest(expected, one) for one in given):
            return
    raise InvalidSignature("no signature was made with one of these secrets")


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"a webhook secret is {SECRET_PREFIX} and base64") from None
