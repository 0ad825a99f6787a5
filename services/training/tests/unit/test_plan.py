"""What a changed plan asks of enrolments."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from training.domain.plan import PlannedTraining, Seen, compare

ACTION, OTHER_ACTION = UUID(int=1), UUID(int=2)
SESSION, NEXT, ENROLMENT = UUID(int=11), UUID(int=12), UUID(int=21)


def seen(*, session: UUID = SESSION, is_open: bool = True, planned: bool = True) -> Seen:
    return Seen(ENROLMENT, ACTION, SESSION, session, is_open, planned)


def action(session: UUID | None = SESSION, state: str = "planned", id_: UUID = ACTION) -> PlannedTraining:
    return PlannedTraining(id_, session, state)


def test_seat_is_asked_for_once_for_an_action_and_a_session() -> None:
    assert compare([action()], []).ask == ((ACTION, SESSION),)
    assert compare([action(), action()], []).ask == ((ACTION, SESSION),)
    assert compare([action()], [seen()]) == compare([], [])
    # Also when it came to nothing: to ask again is another action.
    assert compare([action()], [seen(is_open=False)]).ask == ()
    assert compare([action(id_=OTHER_ACTION)], [seen(is_open=False)]).ask == ((OTHER_ACTION, SESSION),)


def test_action_that_is_done_dropped_or_names_no_session_asks_for_nothing() -> None:
    assert compare([action(state="done"), action(None), action(state="dropped")], []).ask == ()
    # The set is open: a state that we do not know asks.
    assert compare([action(state="paused")], []).ask == ((ACTION, SESSION),)


def test_enrolment_that_the_plan_leaves_is_withdrawn() -> None:
    for actions in ([], [action(state="dropped")], [action(None)], [action(NEXT)]):
        assert compare(actions, [seen()]).withdraw == (ENROLMENT,)
        assert compare(actions, [seen(is_open=False)]).withdraw == ()
    assert compare([action(NEXT)], [seen()]).ask == ((ACTION, NEXT),)
    assert compare([action(state="done")], [seen()]).withdraw == ()


def test_plan_may_name_the_session_asked_for_or_the_one_that_took_its_place() -> None:
    moved = seen(session=NEXT)
    for session in (SESSION, NEXT):
        wanted = compare([action(session)], [moved])
        assert (wanted.ask, wanted.withdraw) == ((), ())


def test_enrolment_of_no_plan_is_left_alone_until_the_plan_names_or_drops_it() -> None:
    outside = seen(planned=False)
    assert compare([], [outside]).withdraw == ()
    assert compare([action(None)], [outside]).withdraw == ()
    assert compare([action()], [outside]).named == (ENROLMENT,)
    assert compare([action(state="dropped")], [outside]).withdraw == (ENROLMENT,)


@given(
    st.lists(
        st.builds(
            PlannedTraining,
            st.sampled_from((ACTION, OTHER_ACTION)),
            st.sampled_from((None, SESSION, NEXT)),
            st.sampled_from(("planned", "done", "dropped")),
        ),
        max_size=5,
    ),
    st.booleans(),
)
def test_nothing_is_both_taken_back_and_asked_for(actions: list[PlannedTraining], planned: bool) -> None:
    wanted = compare(actions, [seen(planned=planned)])
    assert (ACTION, SESSION) not in wanted.ask
    assert set(wanted.named).isdisjoint(wanted.withdraw)
