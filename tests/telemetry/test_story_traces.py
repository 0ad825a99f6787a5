"""What an operator sees of one referral: every trace of its story, by its id, as trees, and no id of a person."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from chassis.ids import new_id
from maillage.testing.acts import command, feed_until, of_referral, refer
from maillage.testing.collector import Seen, SpanCollector
from maillage.testing.running import RunningStack

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OF_A_REQUEST = {
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "url.scheme",
    "error.type",
}
"""All that the span of a request may tell."""
MESSAGES = {"messaging.message.id", "messaging.message.conversation_id"}
"""The only attributes whose values are ids: the event's and the story's, neither of which is a person's."""


async def story_of(stack: RunningStack) -> tuple[str, str]:
    """Refer and acknowledge; return the ids of the referral and of its story."""
    async with stack.client("asso1", "referrals") as association, stack.client("cd93", "referrals") as council:
        one = (await refer(association))["referral_id"]
        await feed_until(stack, "cd93", lambda events: "registration.person.identified" in of_referral(events, one))
        assert (await command(council, one, "receipt")).status_code == 200
        # A reading of the same referral belongs to nobody's story.
        assert (await council.get(f"/referrals/{one}")).status_code == 200
        events = await feed_until(
            stack, "asso1", lambda found: "referrals.referral.received" in of_referral(found, one)
        )
    (story,) = {e["correlationid"] for e in events if e["data"].get("referral_id") == one}
    return one, story


def complete(found: list[Seen]) -> bool:
    roots = {span.name for span in found if not span.parent_id}
    return roots >= {"POST /referrals", "POST /referrals/{referral_id}/receipt"} and all(
        any(s.service == "partners" and s.kind == "consumer" and s.trace_id == root.trace_id for s in found)
        for root in found
        if not root.parent_id
    )


async def test_a_story_is_its_acts_and_its_spans_tell_of_no_person(stack: RunningStack, spans: SpanCollector) -> None:
    _, story = await story_of(stack)
    found = await asyncio.to_thread(spans.wait_for_story, story, complete)

    assert {span.name for span in found if not span.parent_id} == {
        "POST /referrals",
        "POST /referrals/{referral_id}/receipt",
    }
    for span in found:
        if span.kind == "server":
            assert span.attributes.keys() <= OF_A_REQUEST
        told = {name: value for name, value in span.attributes.items() if name not in MESSAGES}
        assert not UUID.search(f"{span.name} {told}"), span
    by_id = {(span.trace_id, span.span_id) for span in found}
    assert not [span for span in found if span.parent_id and (span.trace_id, span.parent_id) not in by_id]


async def test_batches_link_to_their_messages_and_belong_to_no_story(stack: RunningStack, spans: SpanCollector) -> None:
    _, story = await story_of(stack)
    found = await asyncio.to_thread(spans.wait_for_story, story, complete)
    created = {span.span_id for span in found if span.kind == "producer"}

    def batches(everything: list[Seen]) -> list[Seen]:
        return [s for s in everything if s.name.startswith(("send ", "receive ")) and created & set(s.links)]

    def enough(everything: list[Seen]) -> bool:
        return {s.attributes["messaging.operation.name"] for s in batches(everything)} == {"send", "receive"}

    for span in batches(await asyncio.to_thread(spans.wait, enough)):
        assert (span.kind, span.parent_id) == ("client", "")
        assert span.attributes["messaging.batch.message_count"] >= 1
        assert span.attributes["server.port"] == stack.ports["KAFKA"]
        assert span.trace_id not in {s.trace_id for s in found}


def names(trace: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(span["depth"], span["service"], span["name"]) for span in trace["spans"]]


async def test_the_command_prints_every_trace_of_a_referral(stack: RunningStack, spans: SpanCollector) -> None:
    referral_id, story = await story_of(stack)
    await asyncio.to_thread(spans.wait_for_story, story, complete)

    as_json = await asyncio.to_thread(stack.run, "trace", referral_id, "--json")
    document = json.loads(as_json.stdout)
    assert (document["referral_id"], document["correlation_id"]) == (referral_id, story)
    referred, received = document["traces"]
    assert referred["title"] == "referrals POST /referrals"
    assert names(referred)[:2] == [
        (0, "referrals", "POST /referrals"),
        (1, "referrals", "create referrals-referral-v1"),
    ]
    assert {service for depth, service, name in names(referred) if depth == 2} >= {"registration", "partners"}
    assert names(received)[0] == (0, "referrals", "POST /referrals/{referral_id}/receipt")
    assert all(trace["errors"] == 0 and trace["duration_ms"] > 0 for trace in document["traces"])

    shown = await asyncio.to_thread(stack.run, "trace", referral_id)
    assert shown.stdout.startswith(f"Histoire {story} : 2 traces")
    assert "└─ create referrals-referral-v1" in shown.stdout
    by_story = await asyncio.to_thread(stack.run, "trace", story, "--json")
    assert json.loads(by_story.stdout)["traces"] == document["traces"]


async def test_an_unknown_id_is_one_sentence(stack: RunningStack) -> None:
    answer = await asyncio.to_thread(stack.run, "trace", str(new_id()))

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("maillage : Aucune orientation n'a l'identifiant")
    assert "Traceback" not in answer.stderr
