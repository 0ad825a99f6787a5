"""What a courier sends next: whatever is refused, and wherever its process dies, order holds and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.adapters.webhooks.courier import WAITING_MAX, WINDOW, Changes, Courier, Item, Lease
from partners.domain.webhook import ERASED, Answer, next_attempt, outcome_of, shown

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
OK, BAD = Answer("delivered", 204), Answer("status", 500)


class Database:
    """What a courier's changes leave behind."""

    def __init__(self, subjects: list[int]) -> None:
        self.stream = [(position, str(subject)) for position, subject in enumerate(subjects, 1)]
        self.position = 0
        self.failures = 0
        self.probe_after: datetime | None = None
        self.waiting: dict[tuple[int, bool], tuple[str, int, datetime | None]] = {}

    def courier(self, now: datetime) -> Courier:
        lease = Lease(UUID(int=1), UUID(int=2), "cd93", "https://x.example.org/", None, self.position, None, None,
                      self.failures, self.probe_after, None, 1, 1)  # fmt: skip
        waiting = [
            Item(position, again, UUID(int=position), "t", subject, attempts, NOW, due, stored=True)
            for (position, again), (subject, attempts, due) in sorted(self.waiting.items())
        ]
        return Courier(lease, ["whsec_x"], waiting, now)

    def read(self, courier: Courier, now: datetime) -> None:
        room = courier.room
        if not room:
            return
        after = courier.live.read_to
        rows = [row for row in self.stream if row[0] > after][:room]
        items = [Item(position, False, UUID(int=position), "t", subject) for position, subject in rows]
        courier.take(courier.live, items, whole=len(items) < room, now=now)

    def write(self, courier: Courier, meanwhile: Callable[[], None] = lambda: None) -> None:
        changes: Changes = courier.hand_over()
        meanwhile()  # a connection is waited for
        assert changes.progress is not None
        self.position = changes.progress.position
        self.failures, self.probe_after = changes.progress.failures, changes.progress.probe_after
        for key in changes.removed:
            self.waiting.pop(key, None)
        for key, item in changes.stored.items():
            self.waiting[key] = (item.subject, item.attempts, item.due_at)


steps = st.lists(
    st.sampled_from(["send", "send", "ok", "ok", "ok", "bad", "write", "write late", "die", "later"]), max_size=80
)


@given(subjects=st.lists(st.integers(0, 3), min_size=1, max_size=25), steps=steps, data=st.data())
@settings(max_examples=300, deadline=None)
def test_first_acceptances_keep_the_order_of_each_aggregate_and_all_arrive(
    subjects: list[int], steps: list[str], data: st.DataObject
) -> None:
    database, now, accepted = Database(subjects), NOW, list[tuple[int, str]]()
    courier, flying = database.courier(now), list[Item]()

    def answered(answer: Answer) -> None:
        if flying:
            item = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            if answer.delivered:
                accepted.append((item.position, item.subject))
            courier.answered(item, answer, now, now)

    for step in steps:
        match step:
            case "send":
                database.read(courier, now)
                if item := courier.next_item(now):
                    assert item.subject not in {other.subject for other in flying}
                    flying.append(item)
            case "ok":
                answered(OK)
            case "bad":
                answered(BAD)
            case "write":
                database.write(courier)
            case "write late":
                database.write(courier, lambda: answered(data.draw(st.sampled_from([OK, BAD]))))
            case "later":
                now += timedelta(hours=15)
            case "die":
                flying.clear()
                courier = database.courier(now)
        if courier.letting_go:
            break

    # From here on the receiver accepts everything, after one more death.
    flying.clear()
    courier = database.courier(now)
    for _ in range(10 * len(subjects) + 100):
        now += timedelta(hours=15)
        database.read(courier, now)
        while item := courier.next_item(now):
            flying.append(item)
        while flying:
            answered(OK)
        database.write(courier)

    first = list(dict.fromkeys(accepted))
    assert sorted(first) == sorted(database.stream)
    for subject in set(subjects):
        mine = [position for position, of in first if of == str(subject)]
        assert mine == sorted(mine)
    assert (database.position, database.waiting) == (len(subjects), {})


def test_changes_that_could_not_be_written_are_kept_with_those_after_them() -> None:
    courier = Database([1, 1]).courier(NOW)
    one, two = (Item(n, False, UUID(int=n), "t", "1", stored=True) for n in (1, 2))
    earlier = Changes(stored={(1, False): one, (2, False): two}, disabled=None)
    later = Changes(removed={(1, False): None}, stored={(2, False): two})

    both = earlier.then(later)

    assert (list(both.stored), list(both.removed)) == ([(2, False)], [(1, False)])
    assert not courier.changes


def test_waits_follow_the_table_with_jitter_and_a_wish_for_rest_within_its_cap() -> None:
    for attempts, seconds in ((1, 5), (5, 1_800), (10, 50_400)):
        due = next_attempt(attempts, BAD, NOW)
        assert due is not None
        assert 0.9 * seconds <= (due - NOW).total_seconds() <= 1.1 * seconds
    assert next_attempt(11, BAD, NOW) is None
    for wish, least in ((60, 60.0), (10**9, 3_600.0), (-5, 4.5)):
        due = next_attempt(1, Answer("status", 429, retry_after=wish), NOW)
        assert due is not None
        assert least <= (due - NOW).total_seconds() <= max(least, 5.5)
    assert [outcome_of(n) for n in (200, 299, 301, 404, 410, 503)] == [
        "delivered", "delivered", "redirect", "status", "gone", "status",
    ]  # fmt: skip


@given(st.binary(max_size=2_000))
def test_any_answer_leaves_words_that_are_harmless(body: bytes) -> None:
    kept = shown(body)

    assert len(kept) <= 160
    assert not any(character.isdigit() or character in "@<>" for character in kept)


def test_names_and_numbers_of_an_answer_are_not_kept() -> None:
    assert (
        shown(b'{"error": "Unknown person Camille Exemple, 06 99 00 00 00, camille@example.org"}') == "error Unknown …"
    )


def test_a_slow_acceptance_takes_the_places_of_those_who_strain() -> None:
    database = Database([1, 2, 3])
    courier = database.courier(NOW)
    database.read(courier, NOW)
    for took_ms, strained in ((9_000, True), (40, False)):
        item = courier.next_item(NOW)
        assert item is not None
        courier.answered(item, Answer("delivered", 204, took_ms=took_ms), NOW, NOW)
        assert courier.strained is strained


def test_an_erasure_leaves_when_what_was_on_its_way_has_come_back_and_before_what_was_refused() -> None:
    courier = Database([1, 2, 3]).courier(NOW)
    courier.take(courier.live, [Item(1, False, UUID(int=1), "t", "1")], whole=False, now=NOW)
    before = courier.next_item(NOW)
    assert before is not None
    courier.answered(before, OK, NOW, NOW)
    courier.take(courier.live, [Item(2, False, UUID(int=2), "t", "2")], whole=False, now=NOW)
    flying = courier.next_item(NOW)
    erasure = Item(3, False, UUID(int=3), ERASED, "person")
    later = Item(4, False, UUID(int=4), "t", "4")
    courier.take(courier.live, [erasure, later], whole=True, now=NOW)
    assert flying is not None
    assert courier.next_item(NOW) is later
    assert courier.next_item(NOW) is None

    courier.answered(flying, BAD, NOW, NOW)
    assert courier.next_item(NOW) is erasure
    courier.answered(erasure, OK, NOW, NOW)
    # Its hour comes, and the stream says that its person was erased.
    again = courier.next_item(NOW + timedelta(minutes=1))
    assert again is flying
    failures = courier.failures
    courier.withdrawn(flying, NOW)
    changes = courier.hand_over()
    assert [(one.position, one.answer.outcome) for one in changes.attempts][-1] == (2, "withdrawn")
    assert (courier.failures, list(changes.removed)) == (failures, [(2, False)])


def test_a_long_range_is_never_more_than_a_window_and_the_rows_that_a_receiver_may_have() -> None:
    length = 20 * WINDOW
    lease = Lease(UUID(int=1), UUID(int=2), "cd93", "https://x.example.org/", None, length, 0, length, 0, None, None,
                  1, 1)  # fmt: skip
    courier, rows, most_rows, sent = Courier(lease, ["whsec_x"], [], NOW), set[tuple[int, bool]](), 0, 0
    assert courier.replay is not None
    while room := courier.room:
        after = courier.replay.read_to
        items = [Item(n, True, UUID(int=n), "t", str(n)) for n in range(after + 1, min(after + room, length) + 1)]
        courier.take(courier.replay, items, whole=len(items) < room, now=NOW)
        assert len(courier.replay.open) <= WINDOW
        if not items:
            break
        # One in two is refused: the receiver is there, and never takes those.
        while item := courier.next_item(NOW):
            sent += 1
            courier.answered(item, BAD if item.position % 2 else OK, NOW, NOW)
        changes = courier.hand_over()
        rows = rows - set(changes.removed) | set(changes.stored)
        most_rows = max(most_rows, len(rows))
        assert len(changes.attempts) <= WINDOW
    assert WAITING_MAX <= most_rows <= WAITING_MAX + WINDOW
    assert sent < length
