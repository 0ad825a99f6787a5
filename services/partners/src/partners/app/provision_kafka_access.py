"""Bring the broker to what is wanted of one organisation's access; every step can be repeated after a crash.

Granting: topic, then rights, then the user, who is seen to log in before the password is forgotten; then the stream's
rows from the first, page by page. The last page marks the topic ready under the stream's lock, so the topic has the
feed's events in the feed's order, once each. A new password is granted in the same way.
Revoking: rights first, then the user, because a connection that is open outlives its user.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from chassis.clock import Clock
from partners.app.kafka_ports import KafkaAccess, KafkaAccesses, KafkaCluster
from partners.domain.kafka_access import user_of
from partners.domain.kafka_drift import rights_of

PAGE_ROWS = 2_000
"""Rows written to the outbox in one transaction: the stream's lock is held for some tens of milliseconds."""

Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[KafkaAccesses]]
"""Opens a transaction; what it yields is bound to it."""


async def provision_kafka_access(opener: Opener, cluster: KafkaCluster, access: KafkaAccess, clock: Clock) -> None:
    """Do what is left to do for one access; returns when nothing is."""
    if access.state == "revoking":
        await cluster.revoke(user_of(access.code))
        await _settle(opener, access, "revoking", "revoked", clock)
        return
    await _have_topic(opener, cluster, access)
    if access.state == "requested":
        await _grant(opener, cluster, access, clock)
    ready = False
    while not ready:
        async with opener() as accesses:
            current = await accesses.lock(access.organisation_id)
            if current is None or current.state != "granted":
                return
            ready = await accesses.publish_page(access.organisation_id, PAGE_ROWS, clock.now())


async def _have_topic(opener: Opener, cluster: KafkaCluster, access: KafkaAccess) -> None:
    if not await cluster.has_topic(access.topic):
        # Before it exists: whatever happens after this line, a topic that was made anew gets the stream from its start.
        async with opener() as accesses:
            await accesses.publish_again(access.organisation_id)
        await cluster.ensure_topic(access.topic)


async def _grant(opener: Opener, cluster: KafkaCluster, access: KafkaAccess, clock: Clock) -> None:
    async with opener() as accesses:
        current = await accesses.lock(access.organisation_id)
        if current is None or current.state != "requested":
            return
        password = await accesses.password_of(access.organisation_id)
    await cluster.allow(sorted(rights_of(access.code, access.topic)))
    await cluster.set_password(user_of(access.code), password)
    await cluster.verify(user_of(access.code), password, topic=access.topic)
    await _settle(opener, access, "requested", "granted", clock)


async def _settle(opener: Opener, access: KafkaAccess, before: str, state: str, clock: Clock) -> None:
    async with opener() as accesses:
        current = await accesses.lock(access.organisation_id)
        # Somebody may have changed their mind meanwhile: their state is acted on next, never overwritten.
        if current is not None and current.state == before:
            await accesses.settle(access.organisation_id, state, clock.now())
