"""The form of keys, and when two bodies count as the same."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from chassis.auth import Caller
from chassis.crypto import Vault
from chassis.idempotency import Attempt, attempt_of, body_hmac, canonical_json, optional_key, required_key
from chassis.problems import install

VAULT = Vault(b"m" * 32)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
)


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(JSON)
def test_order_of_members_and_spelling_of_text_do_not_count(value: Any) -> None:
    sent_again = json.loads(json.dumps(shuffled(value), ensure_ascii=False, indent=1))

    assert canonical_json(sent_again) == canonical_json(value)
    assert body_hmac(VAULT, sent_again) == body_hmac(VAULT, value)


@given(JSON)
def test_canonical_form_reads_back_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize(
    ("key", "required", "optional"),
    [
        (None, (400, "idempotency_key_missing"), (200, None)),
        (b"", (400, "idempotency_key_malformed"), (400, "idempotency_key_malformed")),
        (b"a b", (400, "idempotency_key_malformed"), (400, "idempotency_key_malformed")),
        (b"caf\xe9", (400, "idempotency_key_malformed"), (400, "idempotency_key_malformed")),
        (b"k" * 201, (400, "idempotency_key_malformed"), (400, "idempotency_key_malformed")),
        (b"k" * 200, (200, None), (200, None)),
        (b"0192f0c4-7b1e-7000-8000-000000000000", (200, None), (200, None)),
    ],
)
async def test_key_is_visible_ascii_of_bounded_length(
    key: bytes | None, required: tuple[int, str | None], optional: tuple[int, str | None]
) -> None:
    app = FastAPI()
    install(app)

    @app.post("/required")
    async def with_key(key: Annotated[str, Depends(required_key)]) -> dict[str, None]:
        return {"code": None}

    @app.post("/optional")
    async def without(key: Annotated[str | None, Depends(optional_key)]) -> dict[str, None]:
        return {"code": None}

    headers = {} if key is None else {b"idempotency-key": key}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answers = [await client.post(path, headers=headers) for path in ("/required", "/optional")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [required, optional]


async def test_attempt_is_one_clients_for_one_organisation() -> None:
    async def of(organisation: int, body: bytes) -> Attempt:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        caller = Caller("portal", "portal", UUID(int=organisation), "cd93", "council", frozenset())
        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        return await attempt_of(request, caller, VAULT, "POST /x", "one")

    first = await of(1, b'{"a": 1, "b": 2}')
    assert first == await of(1, b'{"b":2,"a":1}')
    assert first != await of(2, b'{"a": 1, "b": 2}')
    assert (await of(1, b"")).body_hmac == body_hmac(VAULT, None)
