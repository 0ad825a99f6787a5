"""A request to join: whatever is tried, in whatever order, it follows its table and is used once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.domain.errors import (
    AlreadyShown,
    JoinState,
    LinkExpired,
    NotApproved,
    PartnersError,
    TooManyTestEvents,
)
from partners.domain.join_request import (
    ANSWER_WITHIN,
    CONFIRM_WITHIN,
    LINK_LIVES,
    OPEN,
    TABLE,
    TEST_EVENTS_MAX,
    Applicant,
    JoinRequest,
    JoinRequestState,
    ask,
    sandbox_code,
    suggested_code,
)
from partners.domain.organisation import Details, Kind, Territory

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
ORGANISATION = UUID(int=7)


def applicant(kind: Kind = Kind.COUNCIL, *places: str) -> Applicant:
    details = Details("Département d’exemple", "01 99 00 00 93", "1 rue", Territory.of(collectivities=places))
    return Applicant(kind, details, "732829320", "fr", False)


def asked() -> JoinRequest:
    return ask(uuid4(), applicant(), correlation_id=uuid4(), at=AT)[0]


def attempt(request: JoinRequest, command: str, at: datetime) -> JoinRequest:
    """Do what is asked; a refusal changes nothing."""
    try:
        match command:
            case "confirm":
                return request.confirm(at)[0]
            case "approve":
                return request.approve(ORGANISATION, at)[0]
            case "refuse":
                return request.refuse("Non.", at)[0]
            case "expire":
                ended = request.expire(at)
                return request if ended is None else ended[0]
            case "show":
                return request.show(f"client-{at.timestamp()}", at)
            case _:
                return request.test(uuid4(), at)
    except PartnersError:
        return request


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["confirm", "approve", "refuse", "expire", "show", "test"]),
        st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=35)),
    ),
    max_size=12,
)


@given(STEPS)
def test_whatever_is_tried_it_follows_its_table_and_is_shown_once(steps: list[tuple[str, timedelta]]) -> None:
    request, at, clients = asked(), AT, set()
    for command, pause in steps:
        at += pause
        before, request = request, attempt(request, command, at)
        if request.state is not before.state:
            assert (before.state, request.state) in {(start, end) for (start, _), end in TABLE.items()}
            assert request.version == before.version + 1
            assert before.state in OPEN
            # Nothing is let in, or confirmed, after its time.
            if request.state in (JoinRequestState.CONFIRMED, JoinRequestState.APPROVED):
                assert at < before.due_at
        else:
            assert request.version == before.version
        if request.client_id != before.client_id:
            assert before.client_id is None
            assert at < request.due_at
            clients.add(request.client_id)
        assert (request.organisation_id is not None) == (request.state is JoinRequestState.APPROVED)
        assert request.confirmed_at is not None or request.state is not JoinRequestState.APPROVED
        assert len(request.test_event_ids) == len(set(request.test_event_ids)) <= TEST_EVENTS_MAX
        assert not request.test_event_ids or request.state is JoinRequestState.APPROVED
    assert len(clients) <= 1


def test_each_time_is_bounded_from_the_step_before() -> None:
    request = asked()
    assert request.due_at == AT + CONFIRM_WITHIN
    confirmed, _ = request.confirm(AT + timedelta(days=2))
    assert confirmed.due_at == AT + timedelta(days=2) + ANSWER_WITHIN
    approved, _ = confirmed.approve(ORGANISATION, AT + timedelta(days=3))
    assert approved.due_at == AT + timedelta(days=3) + LINK_LIVES
    with pytest.raises(LinkExpired):
        request.confirm(request.due_at)
    with pytest.raises(LinkExpired):
        confirmed.approve(ORGANISATION, confirmed.due_at)
    with pytest.raises(LinkExpired):
        approved.show("client", approved.due_at)
    assert request.expire(request.due_at - timedelta(seconds=1)) is None
    assert approved.expire(approved.due_at) is None


def test_nothing_is_let_in_before_its_mailbox_answered_nor_shown_twice() -> None:
    request = asked()
    with pytest.raises(JoinState):
        request.approve(ORGANISATION, AT)
    with pytest.raises(NotApproved):
        request.show("client", AT)
    with pytest.raises(NotApproved):
        request.test(uuid4(), AT)
    approved, _ = request.confirm(AT)[0].approve(ORGANISATION, AT)
    shown = approved.show("client", AT)
    assert (approved.credentials_wait, shown.credentials_wait) == (True, False)
    with pytest.raises(AlreadyShown):
        shown.show("another", AT)


def test_synthetic_events_are_bounded() -> None:
    request, _ = asked().confirm(AT)[0].approve(ORGANISATION, AT)
    for _ in range(TEST_EVENTS_MAX):
        request = request.test(uuid4(), AT)
    with pytest.raises(TooManyTestEvents):
        request.test(uuid4(), AT)


@pytest.mark.parametrize(
    ("kind", "places", "code"),
    [
        (Kind.COUNCIL, ("93D",), "cd93"),
        (Kind.COUNCIL, ("6AE",), "cd6ae"),
        (Kind.COUNCIL, (), "cd732829320"),
        (Kind.ASSOCIATION, (), "asso732829320"),
        (Kind.TRAINING_PROVIDER, (), "formation732829320"),
    ],
)
def test_suggested_code_is_one_that_could_be_taken(kind: Kind, places: tuple[str, ...], code: str) -> None:
    assert suggested_code(applicant(kind, *places)) == code
    assert 2 <= len(code) <= 20


def test_sandbox_codes_say_what_they_are() -> None:
    codes: set[Any] = {sandbox_code() for _ in range(50)}
    assert len(codes) == 50
    assert all(code.startswith("essai") and len(code) <= 20 for code in codes)
