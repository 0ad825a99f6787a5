"""Signatures are accepted when they are right and now, by the rules of Standard Webhooks, and refused otherwise."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from maillage_contracts import InvalidPayload, ReferralSubmitted
from maillage_contracts.webhook import (
    CHALLENGE_TYPE,
    TOLERANCE_SECONDS,
    InvalidSignature,
    challenge_of,
    read_webhook,
    verify,
)

NOW = 1_772_443_800
KEY, OTHER = b"key of the webhook, 32 bytes long", b"another key"
SECRET, OLD_SECRET = ("whsec_" + base64.b64encode(key).decode() for key in (KEY, OTHER))
EXAMPLE = "examples/referrals.referral.submitted.v1/structured.cloudevent.json"


def signature(body: bytes, key: bytes = KEY, at: int = NOW, message_id: str = "msg_1") -> str:
    digest = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(body: bytes, *signatures: str, at: str = str(NOW)) -> dict[str, str]:
    made = " ".join(signatures or (signature(body),))
    return {"Webhook-Id": "msg_1", "webhook-timestamp": at, "WEBHOOK-SIGNATURE": made}


def test_signed_event_is_decoded(root: Path) -> None:
    body = (root / EXAMPLE).read_bytes()

    received = read_webhook(headers(body), body, [SECRET], now=NOW)

    assert received.decoded is not None
    assert isinstance(received.decoded.event, ReferralSubmitted)
    assert received.id == received.decoded.envelope.id


def test_vector_of_the_specification_is_accepted() -> None:
    body = b'{"test": 2432232314}'
    given = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    verify(given, body, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], now=1614265330)


def test_rotation_is_followed_when_either_secret_signs() -> None:
    both = headers(b"{}", signature(b"{}", OTHER), signature(b"{}"))
    for secrets in ([SECRET], [OLD_SECRET], [OLD_SECRET, SECRET]):
        verify(both, b"{}", secrets, now=NOW)
    verify(headers(b"{}", "v1a,x", "garbage", signature(b"{}")), b"{}", [OLD_SECRET, SECRET], now=NOW)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        (headers(b"{}"), b"{ }"),
        (headers(b"{}", signature(b"{}", OTHER)), b"{}"),
        (headers(b"{}", "v1,"), b"{}"),
        (headers(b"{}", signature(b"{}").replace("v1,", "v2,")), b"{}"),
        (headers(b"{}", at="yesterday"), b"{}"),
        (headers(b"{}", at="-1"), b"{}"),
        (headers(b"{}", signature(b"{}", at=NOW - 301), at=str(NOW - TOLERANCE_SECONDS - 1)), b"{}"),
        (headers(b"{}", signature(b"{}", at=NOW + 301), at=str(NOW + TOLERANCE_SECONDS + 1)), b"{}"),
        ({}, b"{}"),
        ({"webhook-id": "msg_1", "webhook-timestamp": str(NOW)}, b"{}"),
        (headers(b"{}") | {"Webhook-Id": "msg_2"}, b"{}"),
    ],
    ids=["body", "key", "empty", "version", "words", "negative", "old", "early", "none", "unsigned", "other id"],
)
def test_anything_else_is_refused(given: dict[str, str], body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(given, body, [SECRET], now=NOW)


def test_secret_that_is_none_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify(headers(b"{}"), b"{}", ["not base64!"], now=NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{}", b'{"id": "1", "type": "x"}'])
def test_signed_body_that_is_no_event_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidPayload):
        read_webhook(headers(body), body, [SECRET], now=NOW)


def test_event_of_a_newer_type_is_passed_on_with_its_trouble() -> None:
    document = {"id": "019cade2-1238-74e6-ad24-ec636a8a271e", "type": "fr.maillage.referrals.referral.renamed.v1"}
    body = json.dumps(document).encode()

    received = read_webhook(headers(body), body, [SECRET], now=NOW)

    assert received.decoded is None
    assert "unknown event type" in str(received.trouble)


def test_challenge_of_a_new_address_is_given_back_and_no_other_events() -> None:
    document = {"id": "019cade2-1238-74e6-ad24-ec636a8a271e", "type": CHALLENGE_TYPE, "data": {"challenge": "c"}}
    for changed, challenge in (({}, "c"), ({"type": "fr.maillage.a.b.c.v1"}, None), ({"data": {"challenge": 1}}, None)):
        body = json.dumps(document | changed).encode()
        assert challenge_of(read_webhook(headers(body), body, [SECRET], now=NOW)) == challenge


def test_javascript_library_makes_what_we_accept_and_accepts_what_we_check(node: Callable[..., str]) -> None:
    body = b'{"a": "\xc3\xa9"}'

    made = json.loads(node("sign_webhook.mjs", SECRET, str(NOW), body.decode()))

    assert made["signature"] == signature(body)
    verify(headers(body, made["signature"]), body, [SECRET], now=NOW)
