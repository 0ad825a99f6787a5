"""A topic that a service reads for two things is one subscription, and neither reading hides the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chassis.consumer import Subscription, merged
from chassis.db import Tx
from chassis.records import Delivery
from maillage_contracts import OrganisationChanged, WebhookDisabled


async def alone(tx: Tx, delivery: Delivery, fetched: Any) -> None: ...


async def together(tx: Tx, deliveries: Sequence[Delivery]) -> None: ...


ONE = Subscription("partners-organisation-v1", one={WebhookDisabled: alone})
MANY = Subscription("partners-organisation-v1", many=together, many_types=frozenset({OrganisationChanged}))
OTHER = Subscription("referrals-referral-v1", many=together)


def test_handlers_of_one_topic_are_in_one_subscription() -> None:
    both, other = merged([ONE, MANY, OTHER])

    assert other == OTHER
    assert both.one == ONE.one
    assert (both.many, both.many_types) == (together, MANY.many_types)


@pytest.mark.parametrize("twice", [ONE, MANY])
def test_what_would_hide_another_reading_is_refused(twice: Subscription) -> None:
    with pytest.raises(ValueError, match="read twice"):
        merged([ONE, MANY, twice])
