"""A person's tier: joint exactly while an accompaniment is active, and back to what it was before."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.domain.support import Reason, Support, Tier

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
REFERRAL = UUID(int=3)
BEFORE = [None, Tier.SELF_DIRECTED, Tier.GUIDED, Tier.REINFORCED]


@given(st.sampled_from(BEFORE), st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=12))
def test_tier_is_joint_exactly_while_an_accompaniment_is_active(
    before: Tier | None, news: list[tuple[int, bool]]
) -> None:
    support, active = Support(UUID(int=2), 4, before), set[int]()
    for number, joint in news:
        tier, version = support.tier, support.version
        fact = support.follow(UUID(int=number), REFERRAL, AT, joint=joint)
        active = active | {number} if joint else active - {number}
        assert support.tier is (Tier.JOINT if active else before)
        if fact is None:
            assert (support.tier, support.version) == (tier, version)
        else:
            assert (fact.tier, fact.previous, fact.version) == (support.tier, tier, version + 1)
            assert fact.tier is not fact.previous
            assert fact.reason is (Reason.ACCOMPANIMENT_ACTIVATED if joint else Reason.ACCOMPANIMENT_ENDED)


@pytest.mark.parametrize("before", BEFORE)
def test_end_of_one_of_two_accompaniments_leaves_the_joint_tier(before: Tier | None) -> None:
    support = Support(UUID(int=2), 1, before)
    assert support.follow(UUID(int=8), REFERRAL, AT, joint=True)
    assert support.follow(UUID(int=9), REFERRAL, AT, joint=True) is None
    assert support.follow(UUID(int=8), REFERRAL, AT, joint=False) is None
    last = support.follow(UUID(int=9), REFERRAL, AT, joint=False)
    assert last is not None
    assert (last.tier, last.previous) == (before, Tier.JOINT)
