"""Bring the broker back to what the database says of all accesses at once, whatever changed it.

Nobody but the caller grants or revokes meanwhile: what is found is what grants and revocations left, or drift.
A database that knows no access at all repairs nothing: it is a new one, or not the one this broker was kept from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.clock import Clock
from partners.app.kafka_ports import KafkaInventory
from partners.app.provision_kafka_access import Opener
from partners.domain.kafka_drift import Drift, Wanted, compare


async def reconcile_kafka(
    opener: Opener,
    inventory: KafkaInventory,
    clock: Clock,
    *,
    partitions: int,
    config: Mapping[str, str],
    spared: str,
) -> Sequence[Drift]:
    """Repair every drift that can be repaired, and return all of them.

    A topic that is gone is only noted to be published again: granting makes it anew, with the stream from its start.
    A user who is gone cannot be made again, because nobody has the password any more: the organisation is told to take
    a new one.
    """
    async with opener() as accesses:
        every = await accesses.every()
    if not every:
        return ()
    # A topic that is not ready is being filled, or noted to be made anew already.
    granted = [one for one in every if one.state == "granted" and one.ready]
    found = await inventory.found([one.topic for one in granted])
    # Looked at again after the broker: who was given a new password or was told to go meanwhile is left to granting.
    async with opener() as accesses:
        now = {one.code: one for one in await accesses.every()}
    wanted = [one for one in granted if now[one.code].state == "granted" and now[one.code].ready]
    gone = [one for one in every if one.state == now[one.code].state == "revoked"]
    repairs = compare(
        [Wanted(one.code, one.topic) for one in wanted],
        now.keys() - {one.code for one in (*wanted, *gone)},
        found,
        partitions=partitions,
        config=config,
        spared=spared,
    )
    await inventory.forbid(repairs.rights_removed)
    await inventory.forget_logins(repairs.credentials_removed)
    await inventory.allow(repairs.rights_granted)
    await inventory.configure(repairs.topics_configured, config)
    async with opener() as accesses:
        for one in wanted:
            if one.code in repairs.codes_without_topic:
                await accesses.publish_again(one.organisation_id)
        lost = [one.organisation_id for one in wanted if one.code in repairs.codes_without_user]
        await accesses.note_lost(lost, clock.now())
    return repairs.drifts
