"""Whatever arrives, reading ends in an event or in a ContractError that repeats nothing of it."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage_contracts import (
    ContractError,
    Envelope,
    Event,
    InvalidPayload,
    OrganisationRegistered,
    PersonErased,
    Territory,
    UnknownType,
    UnsupportedMajor,
    decode,
    encode,
    encode_structured,
    envelope_for,
)

CANARY = "Camille-EXEMPLE-0199000000"
ID = UUID("019cade2-1990-7c75-b636-d85099090016")
ERASED = PersonErased(aggregate_version=7, subject_ref=ID, erased_at=datetime(2026, 5, 4, 7, tzinfo=UTC))
ENVELOPE = envelope_for(ERASED, id=ID, source="/registration", time=ERASED.erased_at, correlation_id=ID)
RECORD = encode(ERASED, ENVELOPE)
HEADERS = {name: value.decode() for name, value in RECORD.headers}
STRUCTURED = {"content-type": "application/cloudevents+json"}
REQUIRED = ("id", "source", "subject", "time", "dataschema", "partitionkey", "correlationid", "specversion")

garbage_text = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=st.characters(), max_size=10).map(lambda text: text + CANARY),
    st.sampled_from(["", "\ud800", "\x00", CANARY, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "{" * 40]),
)
garbage_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | garbage_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(garbage_text, inner, max_size=3),
    max_leaves=6,
)
garbage_bytes = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=10).map(lambda raw: raw + CANARY.encode()),
    garbage_json.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"", b"null", b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe{}", b"1" * 5000, b'{"data":NaN}']),
)


def everything_said(error: BaseException) -> str:
    """Return all that a log, a dead letter or a debugger's traceback could take from an error."""
    said = [repr(error), str(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
    return "\n".join(said)


def reads_or_refuses(headers: dict[str, str], value: bytes | None) -> None:
    try:
        decode(headers, value)
    except ContractError as error:
        refused = error
    else:
        return
    assert refused.__cause__ is None
    assert refused.__context__ is None
    assert CANARY not in everything_said(refused)


@given(
    st.dictionaries(st.sampled_from([*HEADERS, "traceparent", "ce_causationid"]) | garbage_text, garbage_text),
    st.none() | garbage_bytes,
)
def test_garbage_everywhere(headers: dict[str, str], value: bytes | None) -> None:
    reads_or_refuses(headers, value)


@given(st.sampled_from([*HEADERS, "ce_causationid", "ce_traceparent"]), garbage_text)
def test_one_header_of_garbage(name: str, text: str) -> None:
    reads_or_refuses(HEADERS | {name: text}, RECORD.value)


@given(st.none() | garbage_bytes)
def test_garbage_value_under_good_headers(value: bytes | None) -> None:
    reads_or_refuses(HEADERS, value)
    reads_or_refuses(STRUCTURED, value)


def mutate(document: Any, path: list[int], garbage: Any) -> Any:
    """Replace the leaf that `path` leads to, whatever the shape of the document."""
    if isinstance(document, dict) and document and path:
        name = sorted(document)[path[0] % len(document)]
        return {**document, name: mutate(document[name], path[1:], garbage)}
    if isinstance(document, list) and document and path:
        place = path[0] % len(document)
        return [*document[:place], mutate(document[place], path[1:], garbage), *document[place + 1 :]]
    return garbage


def test_one_field_of_garbage_in_any_event(published: st.SearchStrategy[tuple[Event, Envelope]]) -> None:
    @given(published, st.lists(st.integers(0, 50), min_size=1, max_size=4), garbage_json)
    def holds(pair: tuple[Event, Envelope], path: list[int], garbage: Any) -> None:
        event, envelope = pair
        record = encode(event, envelope, topic="partner-cd93-v1")
        headers = {name: value.decode() for name, value in record.headers}
        reads_or_refuses(headers, json.dumps(mutate(json.loads(record.value), path, garbage)).encode())
        structured = mutate(encode_structured(event, envelope), path, garbage)
        reads_or_refuses(STRUCTURED, json.dumps(structured).encode())

    holds()


@pytest.mark.parametrize("name", REQUIRED)
def test_missing_attribute_is_named(name: str) -> None:
    binary = {header: text for header, text in HEADERS.items() if header != f"ce_{name}"}
    structured = {member: text for member, text in encode_structured(ERASED, ENVELOPE).items() if member != name}

    with pytest.raises(InvalidPayload, match=f"ce_{name}: "):
        decode(binary, RECORD.value)
    with pytest.raises(InvalidPayload, match=f" {name}: "):
        decode(STRUCTURED, json.dumps(structured).encode())


@pytest.mark.parametrize(
    ("headers", "value", "problem"),
    [
        ({}, b"{}", "ce_type: missing"),
        (HEADERS, None, "value: null"),
        (STRUCTURED, None, "value: null"),
        (HEADERS, b"not json", "value: json_invalid"),
        (HEADERS, b"[]", "value: model_type"),
        (HEADERS, b"\xff\xfe", "value: json_invalid"),
        (STRUCTURED, b"[]", "value: not a JSON object"),
        (HEADERS | {"ce_id": "1234"}, RECORD.value, "ce_id: malformed"),
        (HEADERS | {"ce_time": "2026-05-04"}, RECORD.value, "ce_time: malformed"),
        (HEADERS | {"ce_time": "2026-05-04T07:00:00"}, RECORD.value, "ce_time: malformed"),
        (HEADERS | {"ce_time": "0001-01-01T00:00:00+14:00"}, RECORD.value, "ce_time: malformed"),
        (HEADERS | {"ce_subject": "a b"}, RECORD.value, "ce_subject: malformed"),
        (HEADERS | {"ce_specversion": "2.0"}, RECORD.value, "ce_specversion: not 1.0"),
        (HEADERS, RECORD.value.replace(b"7,", b'"7",'), "value.aggregate_version: int_type"),
        (HEADERS, RECORD.value.replace(b"7,", b"0,"), "value.aggregate_version: greater_than_equal"),
        (HEADERS, RECORD.value.replace(b"2026", b"20x6"), "value.erased_at: datetime_parsing"),
        (HEADERS, RECORD.value.replace(b'07:00:00Z"', b'07:00:00"'), "value.erased_at: timezone_aware"),
        (
            HEADERS,
            RECORD.value.replace(b"2026-05-04T07:00:00Z", b"0001-01-01T00:00:00+14:00"),
            "value.erased_at: value_error",
        ),
    ],
)
def test_problem_is_named_and_nothing_else(headers: dict[str, str], value: bytes | None, problem: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        decode(headers, value)

    assert caught.value.problems == (problem,)
    assert str(caught.value) == f"invalid event: {problem}"


def test_nested_problem_is_located() -> None:
    organisation = OrganisationRegistered(
        aggregate_version=1,
        organisation_id=ID,
        code="assoexemple",
        name="Association Exemple",
        kind="association",
        phone="+33 1 99 00 00 00",
        postal_address="1 rue de l’Exemple\n93000 Exemple",
        territory=Territory(communes=("93048", "93066"), epcis=(), departements=(), collectivities=()),
        changed_at=ERASED.erased_at,
    )
    record = encode(
        organisation, envelope_for(organisation, id=ID, source="/partners", time=ERASED.erased_at, correlation_id=ID)
    )
    headers = {name: value.decode() for name, value in record.headers}

    with pytest.raises(InvalidPayload) as caught:
        decode(headers, record.value.replace(b"93066", CANARY.encode()))

    assert caught.value.problems == ("value.territory.communes.1: string_pattern_mismatch",)


def test_every_broken_attribute_is_told_at_once() -> None:
    with pytest.raises(InvalidPayload) as caught:
        decode(HEADERS | {"ce_id": "", "ce_time": CANARY}, RECORD.value)

    assert caught.value.problems == ("ce_id: malformed", "ce_time: malformed")


def test_structured_event_without_data_is_refused() -> None:
    document = {name: text for name, text in encode_structured(ERASED, ENVELOPE).items() if name != "data"}

    with pytest.raises(InvalidPayload, match="data: missing"):
        decode(STRUCTURED, json.dumps(document | {"data_base64": "e30="}).encode())


def test_batched_mode_is_not_taken_for_structured_mode() -> None:
    with pytest.raises(InvalidPayload, match="ce_type: missing"):
        decode({"content-type": "application/cloudevents-batch+json"}, b"[]")


@pytest.mark.parametrize("value", [None, b"", b"anything", RECORD.value])
def test_unknown_type_wins_over_everything_else_that_is_wrong(value: bytes | None) -> None:
    with pytest.raises(UnknownType):
        decode({"ce_type": "fr.maillage.training.session.of_a_later_version.v1"}, value)
    with pytest.raises(UnsupportedMajor, match=r"registration\.person\.erased\.v2"):
        decode({"ce_type": "fr.maillage.registration.person.erased.v2", "ce_id": CANARY}, value)


def test_structured_mode_reads_its_members_and_never_the_headers() -> None:
    document = json.dumps(encode_structured(ERASED, ENVELOPE)).encode()

    assert decode(STRUCTURED | {"ce_type": CANARY, "ce_id": CANARY}, document).event == ERASED
