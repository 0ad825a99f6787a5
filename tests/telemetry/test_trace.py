"""One human action is one trace: from the HTTP request to the council's topic, parent by parent."""

from __future__ import annotations

from maillage.testing.acts import feed_until, header, of_referral, partner_consumer, refer, topic_until
from maillage.testing.collector import Seen, SpanCollector
from maillage.testing.running import RunningStack


def complete(spans: list[Seen], trace_id: str, leaves: set[str]) -> bool:
    """Return whether each leaf's way up to a root has arrived; processes export at their own pace."""
    by_id = {s.span_id: s for s in spans if s.trace_id == trace_id}
    for leaf in leaves:
        span = by_id.get(leaf)
        while span is not None and span.parent_id:
            span = by_id.get(span.parent_id)
        if span is None:
            return False
    return True


def ancestors(spans: list[Seen], span: Seen) -> list[str]:
    """Return the names from a span up to its root."""
    by_id = {s.span_id: s for s in spans}
    names = [span.name]
    while span.parent_id:
        span = by_id[span.parent_id]
        names.append(span.name)
    return names


async def test_the_spans_of_a_referral_hang_together_from_request_to_partner_topic(
    stack: RunningStack, spans: SpanCollector
) -> None:
    async with stack.client("asso1", "referrals") as association:
        one = (await refer(association))["referral_id"]
    await feed_until(stack, "cd93", lambda events: "registration.person.identified" in of_referral(events, one))
    consumer = partner_consumer(stack, "cd93")
    await consumer.start()
    records = [
        r for r in await topic_until(consumer, lambda found: sum((r.key or b"") != b"" for r in found) > 0 and any(
            one in str(r.value) and header(r, "ce_type").endswith("person.identified.v1") for r in found))
        if one in str(r.value)
    ]  # fmt: skip
    await consumer.stop()
    assert len(records) == 2

    submitted = next(r for r in records if header(r, "ce_type").endswith("submitted.v1"))
    trace_id, span_id = header(submitted, "ce_traceparent").split("-")[1:3]
    assert {header(r, "ce_traceparent").split("-")[1] for r in records} == {trace_id}, "one action, one trace"
    wanted = {header(r, "ce_traceparent").split("-")[2] for r in records}
    seen = [s for s in spans.wait(lambda found: complete(found, trace_id, wanted)) if s.trace_id == trace_id]

    leaf = next(s for s in seen if s.span_id == span_id)
    assert ancestors(seen, leaf) == [
        "create partner-cd93-v1",
        "process referrals-referral-v1",
        "create referrals-referral-v1",
        "POST /referrals",
    ]
    identified = next(r for r in records if header(r, "ce_type").endswith("identified.v1"))
    leaf = next(s for s in seen if s.span_id == header(identified, "ce_traceparent").split("-")[2])
    assert ancestors(seen, leaf) == [
        "create partner-cd93-v1",
        "process registration-person-v1",
        "create registration-person-v1",
        "process referrals-referral-v1",
        "create referrals-referral-v1",
        "POST /referrals",
    ]
    root = next(s for s in seen if not s.parent_id)
    assert (root.service, root.kind) == ("referrals", "server")


async def test_message_spans_carry_what_the_conventions_ask(stack: RunningStack, spans: SpanCollector) -> None:
    async with stack.client("asso1", "referrals") as association:
        one = (await refer(association))["referral_id"]
    events = await feed_until(
        stack, "cd93", lambda events: "registration.person.identified" in of_referral(events, one)
    )
    correlation = {e["correlationid"] for e in events if e["data"].get("referral_id") == one}
    assert len(correlation) == 1, "one story"
    (story,) = correlation

    def of_story(found: list[Seen]) -> list[Seen]:
        # Notices leave by other systems than the bus.
        return [
            s
            for s in found
            if s.attributes.get("messaging.message.conversation_id") == story
            and s.attributes["messaging.system"] == "kafka"
        ]

    seen = of_story(spans.wait(lambda found: len([s for s in of_story(found) if s.kind == "consumer"]) >= 4))

    for span in seen:
        kind = {"create": "producer", "process": "consumer"}[span.attributes["messaging.operation.name"]]
        assert span.kind == kind
        assert (
            span.name
            == f"{span.attributes['messaging.operation.name']} {span.attributes['messaging.destination.name']}"
        )
        assert span.attributes["messaging.system"] == "kafka"
        assert span.attributes["messaging.message.id"]
    for span in (s for s in seen if s.kind == "consumer"):
        assert span.attributes["messaging.consumer.group.name"].endswith(span.attributes["messaging.destination.name"])
        assert "messaging.kafka.offset" in span.attributes
    sends = [
        s
        for s in spans.wait(lambda found: any(s.name == "send referrals-referral-v1" for s in found))
        if s.name.startswith("send ") and s.attributes["messaging.system"] == "kafka"
    ]
    created = {s.span_id for s in spans.spans if s.name.startswith("create ")}
    assert sends
    assert all(set(s.links) & created for s in sends[-3:])
