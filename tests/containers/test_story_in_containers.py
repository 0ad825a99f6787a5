"""The story in containers, by the same journey as on the embedded stack; what `down` and `up` leave; who stays out."""

from __future__ import annotations

import pytest
from tests.containers.composed import ComposedStack, docker

from chassis.testing.kafka import producer_as
from maillage.testing.acts import feed, rows
from maillage.testing.journey import Journey

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(1800)]

CODES = ("asso1", "cd93", "cd94", "ft93", "of93")


async def test_the_journey_ends_as_promised_and_down_and_up_lose_nothing(composed: ComposedStack) -> None:
    assert "L'histoire, avec une personne inventée" in composed.compose("logs", "--no-log-prefix", "story")
    end = await Journey(composed).play()

    assert end["referral"] == "accepted"
    assert end["accompaniment"] == [("active", "confirmed")] * 2
    assert end["appointment"] == ("booked", 1)
    assert end["waiting"] == {}
    assert sum(end["mails"].values()) >= 4
    assert end["sms"] >= 1

    before = {code: await feed(composed, code) for code in CODES}
    notices = await rows(composed, "notifications", "SELECT count(*) AS n FROM notices WHERE state = 'sent'")
    composed.stop()
    composed.start()
    after = {code: await feed(composed, code) for code in CODES}

    assert "a déjà été jouée" in composed.compose("logs", "--no-log-prefix", "story")
    assert {code: events[: len(before[code])] for code, events in after.items()} == before
    assert (await rows(composed, "notifications", "SELECT count(*) AS n FROM notices WHERE state = 'sent'"))[0][
        "n"
    ] >= notices[0]["n"]
    # And it goes on from there.
    assert (await Journey(composed).play())["referral"] == "accepted"


async def test_a_partner_reads_its_topic_from_outside_and_nothing_asks_no_password(composed: ComposedStack) -> None:
    from aiokafka.errors import TopicAuthorizationFailedError

    access = composed.organisation("cd93")["kafka"]
    with pytest.raises(TopicAuthorizationFailedError):
        await producer_as(access, access["topic"])

    asked = "import socket; socket.create_connection(('kafka', {port}), 2)"
    for port, expected in ((9092, 0), (9091, 1), (9093, 1), (9095, 1)):
        done = docker(
            "exec", f"{composed.project}-portal-1", "python", "-I", "-c", asked.format(port=port), check=False
        )
        assert done.returncode == expected, f"{port}: {done.stderr}"
