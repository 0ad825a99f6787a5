"""Clients, scopes and the bound on guessing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chassis.clock import MovableClock
from partners.adapters.throttle import FAILURES_MAX, WINDOW, Throttle
from partners.domain.access import SCOPES, Client, Secret, allowed_scopes, hash_of, narrowed, new_client_id, new_secret
from partners.domain.errors import ScopeNotAllowed
from partners.domain.organisation import PARTNERS, Kind

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


def test_client_proves_itself_when_the_secret_is_its_own_and_it_stands() -> None:
    secret, older = Secret(uuid4(), hash_of("a secret"), AT), Secret(uuid4(), hash_of("older"), AT, AT + WINDOW)
    client = Client("cd93-abc", uuid4(), (secret, older), SCOPES[Kind.COUNCIL], AT)

    assert client.proven_by("a secret", AT) is secret
    assert client.proven_by("older", AT) is older
    assert client.proven_by("older", AT + WINDOW) is None
    assert client.proven_by("a secret", AT + WINDOW) is secret
    assert client.proven_by("another", AT) is None
    assert client.proven_by("\ud800", AT) is None
    assert replace(client, revoked_at=AT).proven_by("a secret", AT) is None


def test_secrets_differ_and_ids_tell_whose_they_are() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert new_client_id("cd93").startswith("cd93-")


@pytest.mark.parametrize("kind", sorted(PARTNERS))
def test_scopes_are_those_of_the_kind_when_none_is_asked(kind: Kind) -> None:
    assert allowed_scopes(kind, None) == SCOPES[kind]


def test_each_kind_may_do_its_own_part_and_no_platforms() -> None:
    accompanying = {
        "accompaniments:act",
        "appointments:act",
        "sessions:read",
        "enrolments:act",
        "feed:read",
        "webhooks:manage",
        "organisation:manage",
    }

    assert SCOPES[Kind.COUNCIL] == {"referrals:answer", "referrals:read"} | accompanying
    assert SCOPES[Kind.EMPLOYMENT_SERVICE] == accompanying
    assert SCOPES[Kind.TRAINING_PROVIDER] == {
        "sessions:write",
        "sessions:read",
        "enrolments:act",
        "feed:read",
        "webhooks:manage",
        "organisation:manage",
    }
    assert SCOPES[Kind.ASSOCIATION] == {
        "referrals:write",
        "referrals:read",
        "feed:read",
        "webhooks:manage",
        "organisation:manage",
    }
    for kind in PARTNERS:
        assert not SCOPES[kind] & (SCOPES[Kind.SERVICE] | SCOPES[Kind.OPERATOR])


@pytest.mark.parametrize("asked", [["operations"], ["referrals:write", "claims:read"], []])
def test_scopes_are_refused_when_beyond_what_is_held(asked: list[str]) -> None:
    with pytest.raises(ScopeNotAllowed):
        narrowed(SCOPES[Kind.ASSOCIATION], asked)


def test_address_waits_after_too_many_failures_and_then_may_try_again() -> None:
    clock = MovableClock(AT)
    throttle = Throttle(clock)
    for _ in range(FAILURES_MAX):
        assert throttle.wait_seconds("cd93", "192.0.2.1") == 0
        throttle.failed("cd93", "192.0.2.1")

    assert throttle.wait_seconds("cd93", "192.0.2.1") == WINDOW.total_seconds()
    assert throttle.wait_seconds("cd93", "192.0.2.2") == 0
    assert throttle.wait_seconds("cd94", "192.0.2.1") == 0
    clock.advance(WINDOW + timedelta(seconds=1))
    assert throttle.wait_seconds("cd93", "192.0.2.1") == 0
    throttle.failed("cd93", "192.0.2.1")
    assert throttle.wait_seconds("cd93", "192.0.2.1") == 0
