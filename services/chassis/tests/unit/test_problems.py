"""What a caller is told when a request is refused or fails, and what is never repeated to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, PastDate, field_validator

from chassis.errors import DependencyDown
from chassis.guards import HalfAnswered
from chassis.problems import BodyLimit, FieldError, Problem, install
from chassis.sentences import FieldRefused, Said

CANARY = "Zorglub-Canari"


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")

    last_name: Annotated[str, Field(max_length=20)]
    birth_date: PastDate
    themes: Annotated[list[Annotated[str, Field(max_length=3)]], Field(max_length=2)] = []

    @field_validator("last_name")
    @classmethod
    def _not_forbidden(cls, value: str) -> str:
        if value == "interdit":
            raise FieldRefused("Ce nom est réservé.", "This name is reserved.")
        if value == "brut":
            raise ValueError(f"secret {value}")
        return value


class Body(BaseModel):
    person: Person


def build() -> FastAPI:
    app = FastAPI(openapi_url=None)
    install(app)
    app.add_middleware(BodyLimit, max_bytes=2_000)

    @app.post("/people")
    async def people(body: Body) -> dict[str, bool]:
        return {"ok": True}

    @app.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/fail/{how}")
    async def fail(how: str) -> None:
        raise {
            "down": DependencyDown(CANARY),
            "bug": RuntimeError(CANARY),
            "constraint": asyncpg.UniqueViolationError(CANARY),
            "lock": asyncpg.LockNotAvailableError(CANARY),
            "problem": Problem(409, "illegal", Said("Non.", "No."), errors=(FieldError("a", "b"),)),
        }[how]

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"first"
            raise RuntimeError(CANARY)

        return StreamingResponse(chunks())

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build()), base_url="http://test") as client:
        yield client


def person(**changes: object) -> dict[str, object]:
    return {"person": {"last_name": "Exemple", "birth_date": "1990-01-01", **changes}}


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"birth_date": "2999-01-01"}, "person.birth_date", "Cette date doit être passée."),
        ({"birth_date": CANARY}, "person.birth_date", "Une date AAAA-MM-JJ est attendue."),
        ({"last_name": CANARY * 3}, "person.last_name", "Au plus 20 caractères."),
        ({"last_name": "interdit"}, "person.last_name", "Ce nom est réservé."),
        ({"last_name": "brut"}, "person.last_name", "Cette valeur n’est pas acceptée."),
        ({"themes": ["abc", CANARY]}, "person.themes[1]", "Au plus 3 caractères."),
        ({"nickname": CANARY}, "person.nickname", "Ce champ n’existe pas."),
        ({f"{CANARY} né le 3": 1}, "person", "Ce champ n’existe pas."),
    ],
)
async def test_problem_names_the_field_and_never_the_value_when_a_body_is_invalid(
    client: httpx.AsyncClient, changes: dict[str, object], field: str, sentence: str
) -> None:
    answer = await client.post("/people", json=person(**changes))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "validation_failed"
    assert answer.json()["errors"] == [{"field": field, "message": sentence}]
    assert CANARY not in answer.text
    assert "brut" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe{}", b'{"a":' + b"[" * 1_500, b'{"a":' + b"9" * 1_900 + b"e"])
async def test_body_that_is_not_json_is_a_400(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/people", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


@pytest.mark.parametrize("route", ["/people", "/raw"])
@pytest.mark.parametrize("announced", [True, False])
async def test_large_body_is_refused_before_it_is_read(client: httpx.AsyncClient, announced: bool, route: str) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b"[" * 1_000

    headers = {"content-type": "application/json"} | ({"content-length": "1000000"} if announced else {})
    answer = await client.post(route, content=chunks(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert read <= 4


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("down", 503, "temporarily_unavailable"),
        ("lock", 503, "temporarily_unavailable"),
        ("bug", 500, "internal_error"),
        ("constraint", 500, "internal_error"),
        ("problem", 409, "illegal"),
    ],
)
async def test_failure_says_nothing_of_its_cause(client: httpx.AsyncClient, how: str, status: int, code: str) -> None:
    answer = await client.get(f"/fail/{how}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
    assert CANARY not in answer.text
    if status == 500:
        assert len(answer.headers["maillage-incident"]) == 32


async def test_failure_after_the_first_byte_breaks_the_answer_off_without_its_cause(client: httpx.AsyncClient) -> None:
    with pytest.raises(HalfAnswered) as caught:
        await client.get("/half")

    assert caught.value.__cause__ is None
    assert CANARY not in str(caught.value)


async def test_unknown_route_and_method_are_problem_documents(client: httpx.AsyncClient) -> None:
    missing = await client.get(f"/{CANARY}")
    method = await client.get("/people")

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert method.headers["allow"] == "POST"
    assert CANARY not in missing.text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "fr"), ("en", "en"), ("fr-FR,fr;q=0.9,en;q=0.8", "fr"), ("en-GB,fr;q=0.5", "en"), ("en;q=x", "fr")],
)
async def test_sentences_follow_the_language_asked_for(client: httpx.AsyncClient, accepted: str, language: str) -> None:
    answer = await client.get("/fail/problem", headers={"accept-language": accepted})

    assert answer.json()["title"] == {"fr": "Non.", "en": "No."}[language]
    assert answer.headers["content-language"] == language
