"""What is written is read back equal, in both modes and by another implementation of CloudEvents."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from maillage_contracts import (
    Decoded,
    Envelope,
    EnvelopeMismatch,
    Event,
    PersonErased,
    Record,
    ReferralLeftScope,
    decode,
    decode_value,
    encode,
    encode_structured,
    envelope_for,
    key_of,
    schema_for,
    subject_of,
    topic_for,
)

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
SUBJECT_REF = UUID("019cade2-1990-7c75-b636-d85099090016")
ERASED = PersonErased(aggregate_version=7, subject_ref=SUBJECT_REF, erased_at=datetime(2026, 5, 4, 7, tzinfo=UTC))
ENVELOPE = envelope_for(
    ERASED,
    id=UUID("019cade2-1238-74e6-ad24-ec636a8a271e"),
    source="/registration",
    time=datetime(2026, 5, 4, 7, 0, 1, tzinfo=UTC),
    correlation_id=UUID("019cade2-11bf-7417-9c3d-d9f73817118d"),
)


def text_headers(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


def write(event: Event, envelope: Envelope) -> Record:
    return encode(event, envelope, topic="partner-cd93-v1" if "<" in topic_for(event).name else None)


def test_round_trip_in_binary_mode(published: st.SearchStrategy[tuple[Event, Envelope]]) -> None:
    @given(published)
    def holds(pair: tuple[Event, Envelope]) -> None:
        event, envelope = pair
        record = write(event, envelope)

        assert decode(text_headers(record), record.value) == Decoded(event, envelope)
        assert decode_value(envelope.type, record.value) == event
        assert record.key.decode() == key_of(event) == subject_of(event)
        assert len({name for name, _ in record.headers}) == len(record.headers)

    holds()


def test_round_trip_in_structured_mode_with_extensions(published: st.SearchStrategy[tuple[Event, Envelope]]) -> None:
    @given(published, st.integers(1, 10**12))
    def holds(pair: tuple[Event, Envelope], position: int) -> None:
        event, envelope = pair
        document = encode_structured(event, envelope) | {"sequence": str(position)}

        assert decode(STRUCTURED, json.dumps(document).encode()) == Decoded(event, envelope)

    holds()


def test_everything_emitted_validates_against_its_schema(published: st.SearchStrategy[tuple[Event, Envelope]]) -> None:
    @given(published)
    def holds(pair: tuple[Event, Envelope]) -> None:
        event, envelope = pair
        schema = schema_for(envelope.type)

        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
            json.loads(write(event, envelope).value)
        )
        assert schema["$id"] == envelope.dataschema

    holds()


def test_another_cloudevents_library_reads_and_writes_the_same(
    published: st.SearchStrategy[tuple[Event, Envelope]],
) -> None:
    @given(published)
    def holds(pair: tuple[Event, Envelope]) -> None:
        event, envelope = pair
        record = write(event, envelope)

        theirs = from_binary(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat())

        assert theirs.get_id() == str(envelope.id)
        assert theirs.get_source() == envelope.source
        assert theirs.get_type() == envelope.type
        assert theirs.get_subject() == envelope.subject
        assert theirs.get_time() == envelope.time
        assert theirs.get_dataschema() == envelope.dataschema
        assert theirs.get_extension("partitionkey") == envelope.partition_key
        assert theirs.get_extension("correlationid") == str(envelope.correlation_id)
        assert theirs.get_data() == event.model_dump(mode="json")
        binary, structured = to_binary(theirs, JSONFormat()), to_structured(theirs, JSONFormat())
        assert binary.key == record.key.decode()
        for message in (binary, structured):
            headers = {name: value.decode() for name, value in message.headers.items()}
            assert decode(headers, message.value) == Decoded(event, envelope)

    holds()


def test_our_structured_mode_is_read_by_another_library() -> None:
    written = json.dumps(encode_structured(ERASED, ENVELOPE)).encode()

    theirs = JSONFormat().read(None, written)

    assert theirs.get_id() == str(ENVELOPE.id)
    assert theirs.get_datacontenttype() == "application/json"
    assert theirs.get_data() == ERASED.model_dump(mode="json")


def test_headers_are_those_of_the_architecture() -> None:
    trace = "00-94ba97ae8b15442ee2db611a91bfe394-69733a9247d58fa3-01"

    record = encode(ERASED, replace(ENVELOPE, causation_id=SUBJECT_REF, traceparent=trace))

    assert record.topic == "registration-person-v1"
    assert text_headers(record) == {
        "ce_specversion": "1.0",
        "ce_id": "019cade2-1238-74e6-ad24-ec636a8a271e",
        "ce_source": "/registration",
        "ce_type": "fr.maillage.registration.person.erased.v1",
        "ce_subject": str(SUBJECT_REF),
        "ce_time": "2026-05-04T07:00:01Z",
        "ce_dataschema": "urn:maillage:schema:registration.person.erased.v1",
        "ce_partitionkey": str(SUBJECT_REF),
        "ce_correlationid": "019cade2-11bf-7417-9c3d-d9f73817118d",
        "ce_causationid": str(SUBJECT_REF),
        "ce_traceparent": trace,
        "content-type": "application/json",
        "traceparent": trace,
    }
    assert json.loads(record.value) == {
        "aggregate_version": 7,
        "subject_ref": str(SUBJECT_REF),
        "erased_at": "2026-05-04T07:00:00Z",
    }


def test_creation_context_wins_over_the_transports_own() -> None:
    creation, transport = "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "00-" + "1" * 32 + "-" + "3" * 16 + "-01"
    headers = text_headers(encode(ERASED, replace(ENVELOPE, traceparent=creation))) | {"traceparent": transport}

    assert decode(headers, encode(ERASED, ENVELOPE).value).envelope.traceparent == creation
    del headers["ce_traceparent"]
    assert decode(headers, encode(ERASED, ENVELOPE).value).envelope.traceparent == transport


def test_malformed_traceparent_starts_a_new_trace_and_loses_no_event() -> None:
    record = encode(ERASED, ENVELOPE)

    read = decode(text_headers(record) | {"ce_traceparent": "00-zz", "traceparent": ""}, record.value)

    assert read == Decoded(ERASED, ENVELOPE)


def test_fields_and_headers_of_a_later_version_are_ignored() -> None:
    record = encode(ERASED, ENVELOPE)
    later = json.dumps(json.loads(record.value) | {"urgency": "ordinary", "parts": [{"a": 1.5}]}).encode()

    assert decode(text_headers(record) | {"ce_recordedtime": "soon", "x": ""}, later) == Decoded(ERASED, ENVELOPE)


def test_lists_and_strings_are_converted_when_an_event_is_constructed() -> None:
    value: dict[str, Any] = {"aggregate_version": 7, "subject_ref": str(SUBJECT_REF), "erased_at": ERASED.erased_at}

    assert PersonErased(**value) == ERASED


def test_moment_is_written_in_utc_when_given_with_an_offset() -> None:
    event = PersonErased.model_validate_json(
        f'{{"aggregate_version":7,"subject_ref":"{SUBJECT_REF}","erased_at":"2026-05-04T09:00:00+02:00"}}'
    )

    assert event == ERASED
    assert b'"2026-05-04T07:00:00Z"' in encode(event, ENVELOPE).value


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"type": "fr.maillage.referrals.referral.accepted.v1"}, "type"),
        ({"subject": "019cade2-0000-7000-8000-000000000000"}, "subject"),
        ({"partition_key": "019cade2-0000-7000-8000-000000000000"}, "partition_key"),
        ({"time": datetime(2026, 5, 4)}, "time"),  # noqa: DTZ001 - the naive moment is the point
    ],
)
def test_encode_refuses_an_envelope_of_another_event(change: dict[str, Any], named: str) -> None:
    for write_one in (encode, encode_structured):
        with pytest.raises(EnvelopeMismatch, match=f"PersonErased: the envelope's {named} "):
            write_one(ERASED, replace(ENVELOPE, **change))


def test_encode_asks_for_the_topic_of_an_event_that_exists_only_on_partner_topics() -> None:
    event = ReferralLeftScope(
        aggregate_version=3, referral_id=SUBJECT_REF, reason="narrowed", left_at=datetime(2026, 6, 1, tzinfo=UTC)
    )
    envelope = envelope_for(
        event, id=SUBJECT_REF, source="/partners/cd93", time=event.left_at, correlation_id=SUBJECT_REF
    )

    with pytest.raises(EnvelopeMismatch, match="name the organisation's topic"):
        encode(event, envelope)
    assert encode(event, envelope, topic="partner-cd93-v1").topic == "partner-cd93-v1"


def test_encode_refuses_a_value_that_kafka_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage_contracts.codec.VALUE_BYTES_MAX", 40)

    with pytest.raises(EnvelopeMismatch, match=r"\d+ bytes, more than 40"):
        encode(ERASED, ENVELOPE)
