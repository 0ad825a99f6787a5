"""A webhook that had not been sent what its stream no longer keeps: it is told how much, and goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from chassis.ids import new_id
from chassis.testing.receivers import Receiver
from maillage_contracts import ReferralSubmitted, type_of
from partners.adapters.stream_purge import purge_streams
from partners.domain.cursor import write_cursor
from partners.domain.retention import STREAM_DAYS

from .persons import erasure_of, of_person

World = Any


async def test_what_was_purged_unsent_is_counted_and_delivery_goes_on(world: World, receiver: Receiver) -> None:
    await world.project(world.referral())
    council = await world.service.organisation("cd93", collectivities=["93D"])
    oldest = {"after": write_cursor(UUID(council["organisation_id"]), 0)}
    whole = await world.webhook(receiver)
    some = await world.webhook(receiver, event_types=[type_of(ReferralSubmitted)])
    late = await world.webhook(receiver, **oldest)
    await world.until_state(late, cursor=whole["cursor"])
    for webhook in (whole, some):
        await world.call("POST", f"/{webhook['webhook_id']}/pause")
    person = new_id()
    await world.project(world.referral())
    await world.until_state(late, waiting=0)
    await world.until(lambda: len(receiver.events()) == 6)
    # Nobody misses what was erased, but the erasure itself.
    await world.project(of_person(world, person))
    await world.until(lambda: len(receiver.events()) == 10)
    await world.project([erasure_of(person)])
    await world.until(lambda: len(receiver.events()) == 11)

    assert await purge_streams(world.db, world.clock.now() + timedelta(days=STREAM_DAYS)) > 0

    assert [(await world.shown(one))["missed_events"] for one in (whole, some, late)] == [4, 2, 0]
    for refused in (
        await world.call("POST", json={"url": receiver.url, **oldest}),
        await world.call("POST", f"/{whole['webhook_id']}/redelivery", json=oldest),
    ):
        assert (refused.status_code, refused.json()["code"]) == (410, "cursor_too_old")
        assert refused.json()["oldest"]
    again = await world.call("POST", f"/{whole['webhook_id']}/redelivery", json={"since": "2020-01-01T00:00:00Z"})
    assert again.status_code == 202
    await world.call("POST", f"/{whole['webhook_id']}/resume")
    before = len(receiver.events())
    await world.project(world.referral())
    await world.until(lambda: len(receiver.events()) == before + 2 * 3)
    assert [(await world.shown(one))["missed_events"] for one in (whole, some, late)] == [4, 2, 0]
