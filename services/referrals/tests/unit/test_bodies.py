"""Whatever JSON comes, a body is understood or refused by field; refusals repeat nothing."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chassis.problem import validation_failed
from referrals.adapters.http.bodies import DeclineBody, SubmissionBody

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3))
CANARY = "Zyxwvut"


def good() -> dict[str, Any]:
    return {
        "commune": "93048",
        "person": {"first_name": "Camille", "last_name": "Exemple", "birth_date": "1987-04-09"},
        "themes": ["numerique--acceder-a-une-connexion-internet"],
        "person_informed": True,
    }


PATHS = [
    ("commune",), ("themes",), ("note",), ("person_informed",), ("person",), ("person", "first_name"),
    ("person", "last_name"), ("person", "birth_date"), ("person", "phone"), ("person", "email"), ("person", "address"),
]  # fmt: skip


def with_value(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    body = good()
    target = body
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    return body


@given(st.sampled_from(PATHS), VALUES)
def test_any_value_in_any_field_is_accepted_or_refused_by_that_field(path: tuple[str, ...], value: Any) -> None:
    try:
        SubmissionBody.model_validate(with_value(path, value))
    except ValidationError as error:
        document = validation_failed(error.errors()).document("fr")
        fields = [fault["field"] for fault in document["errors"]]
        named = ".".join(path)
    else:
        return
    assert fields
    assert all(field.startswith(named) for field in fields)


@given(VALUES)
def test_any_json_is_a_decline_or_a_refusal(value: Any) -> None:
    try:
        DeclineBody.model_validate(value)
    except ValidationError as error:
        assert validation_failed(error.errors()).status == 422  # noqa: PT017  # either end is right


@pytest.mark.parametrize("path", PATHS)
def test_refusal_repeats_nothing_of_the_value(path: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        SubmissionBody.model_validate(with_value(path, {"x": CANARY}))
    assert CANARY not in json.dumps(validation_failed(refused.value.errors()).document("fr"))
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("typed", ["https://exemple.test", "exemple.test/x", "Camille: cliquez", "a@exemple.test"])
@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_name_that_could_be_a_link_in_a_message_is_refused(name: str, typed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SubmissionBody.model_validate(with_value(("person", name), typed))
    (fault,) = validation_failed(refused.value.errors()).document("fr")["errors"]
    assert fault["field"] == f"person.{name}"
    assert typed not in json.dumps(fault)


@pytest.mark.parametrize(
    ("path", "typed", "kept"),
    [
        (("person", "first_name"), "  Jean-Noël  ", "Jean-Noël"),
        (("person", "last_name"), "O’Exemple", "O’Exemple"),
        (("person", "phone"), "+33 6 39.98-00 (00)", "+33 6 39.98-00 (00)"),
        (("person", "phone"), "   ", None),
        (("person", "email"), "camille+x@exemple.test", "camille+x@exemple.test"),
        (("person", "birth_date"), "2000-02-29", date(2000, 2, 29)),
        (("person", "address"), "1 rue de l’Exemple\nBât. B", "1 rue de l’Exemple\nBât. B"),
    ],
)
def test_ordinary_spelling_is_kept(path: tuple[str, ...], typed: str, kept: object) -> None:
    person = SubmissionBody.model_validate(with_value(path, typed)).told().person
    assert getattr(person, path[-1]) == kept


def test_person_is_never_printed() -> None:
    body = with_value(("person", "first_name"), CANARY)
    read = SubmissionBody.model_validate(body)
    told = read.told()
    assert CANARY not in f"{read!r} {read} {told!r} {told.person!r} {told}"
