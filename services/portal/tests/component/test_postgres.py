"""Sessions and what is being typed, on a real PostgreSQL: unreadable in the tables, nobody else's, not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from chassis.clock import MovableClock
from chassis.crypto import Vault
from chassis.db import Database
from portal.adapters.forgetting import Forgetting
from portal.adapters.plan_drafts import PostgresPlanDrafts
from portal.adapters.postgres import DRAFT_DAYS, PostgresCursors, PostgresDrafts, PostgresSessions
from portal.domain.draft import Draft
from portal.domain.errors import NotFound, ServiceSilent
from portal.domain.member import Kind, Member
from portal.domain.plan import ActionRow, GoalRow, PlanDraft

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
MEMBER = Member(uuid4(), "Bénévole A", "entraide", "Entraide Exemple", Kind.ASSOCIATION, "volunteer")
CANARY = "Zéphyrine-Canari"


@pytest.fixture
async def db(database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Database]:
    opened = Database(await database("portal"), size=12, application="test")
    yield opened
    await opened.close()


def drafts_of(db: Database, master_key: bytes = b"k" * 32) -> PostgresDrafts:
    return PostgresDrafts(db, Vault(master_key))


def typing(name: str) -> Callable[[Draft], Draft]:
    return lambda draft: draft.keep("person", {"first_name": (name,)})


async def everything_in(db: Database, table: str) -> str:
    async with db.connection() as tx:
        return str([tuple(row.values()) for row in await tx.fetch(f"SELECT * FROM {table}")])


async def test_session_is_found_until_it_expires_or_is_closed(db: Database) -> None:
    sessions = PostgresSessions(db)
    token = await sessions.open(MEMBER, now=NOW, expires_at=NOW + timedelta(hours=10))
    found = await sessions.find(token, now=NOW + timedelta(hours=9))
    assert found is not None
    assert found.member == MEMBER
    assert await sessions.find(token, now=NOW + timedelta(hours=10)) is None
    assert await sessions.find("another", now=NOW) is None
    await sessions.close(token)
    assert await sessions.find(token, now=NOW) is None


async def test_table_signs_nobody_in_when_it_is_read(db: Database) -> None:
    token = await PostgresSessions(db).open(MEMBER, now=NOW, expires_at=NOW + timedelta(hours=10))
    assert token not in await everything_in(db, "sessions")
    assert len(token) >= 43


async def test_typed_text_is_unreadable_in_the_table_and_whole_when_opened(db: Database) -> None:
    drafts, draft_id = drafts_of(db), uuid4()
    await drafts.change(draft_id, MEMBER.member_id, typing(CANARY), now=NOW)
    stored = await everything_in(db, "drafts")
    assert CANARY not in stored
    assert CANARY.encode("utf-8").hex() not in stored
    read = await drafts.read(draft_id, MEMBER.member_id, now=NOW)
    assert (read.value("first_name"), read.seen) == (CANARY, frozenset({"person"}))


async def test_draft_of_somebody_else_does_not_exist(db: Database) -> None:
    drafts, draft_id = drafts_of(db), uuid4()
    await drafts.change(draft_id, MEMBER.member_id, typing(CANARY), now=NOW)
    stranger = uuid4()
    with pytest.raises(NotFound):
        await drafts.read(draft_id, stranger, now=NOW)
    with pytest.raises(NotFound):
        await drafts.change(draft_id, stranger, typing("x"), now=NOW)
    await drafts.discard(draft_id, stranger)
    assert [draft for draft, _ in await drafts.unsent(MEMBER.member_id, now=NOW)] == [draft_id]


async def test_draft_is_not_found_when_the_master_key_is_another(db: Database) -> None:
    draft_id = uuid4()
    await drafts_of(db).change(draft_id, MEMBER.member_id, typing(CANARY), now=NOW)
    with pytest.raises(NotFound):
        await drafts_of(db, b"x" * 32).read(draft_id, MEMBER.member_id, now=NOW)


async def test_both_steps_are_kept_when_two_tabs_write_at_once(db: Database) -> None:
    drafts, draft_id = drafts_of(db), uuid4()
    edits = [typing(CANARY), lambda draft: draft.keep("note", {"note": ("n",)})] * 4
    await asyncio.gather(*(drafts.change(draft_id, MEMBER.member_id, edit, now=NOW) for edit in edits))
    draft = await drafts.read(draft_id, MEMBER.member_id, now=NOW)
    assert (draft.value("first_name"), draft.value("note")) == (CANARY, "n")


async def test_key_and_text_are_gone_when_the_referral_is_sent(db: Database) -> None:
    drafts, draft_id, referral_id = drafts_of(db), uuid4(), uuid4()
    await drafts.change(draft_id, MEMBER.member_id, typing(CANARY), now=NOW)
    await drafts.change(draft_id, MEMBER.member_id, lambda draft: draft.sent(referral_id), now=NOW)
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT draft_key IS NULL AND sealed IS NULL FROM drafts")
    assert (await drafts.read(draft_id, MEMBER.member_id, now=NOW)).referral_id == referral_id
    assert await drafts.unsent(MEMBER.member_id, now=NOW) == []


async def test_draft_that_nobody_touched_for_a_week_is_read_by_nobody_and_not_gone_on_with(db: Database) -> None:
    drafts, old, late = drafts_of(db), uuid4(), NOW + timedelta(days=DRAFT_DAYS, seconds=1)
    await drafts.change(old, MEMBER.member_id, typing(CANARY), now=NOW)
    assert [draft for draft, _ in await drafts.unsent(MEMBER.member_id, now=NOW)] == [old]
    with pytest.raises(NotFound):
        await drafts.read(old, MEMBER.member_id, now=late)
    assert await drafts.unsent(MEMBER.member_id, now=late) == []
    begun = await drafts.change(old, MEMBER.member_id, lambda draft: draft.keep("note", {"note": ("n",)}), now=late)
    assert begun.value("first_name") == ""


async def test_what_is_over_is_forgotten_although_nobody_comes(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.adapters.forgetting.EVERY_SECONDS", 0.02)
    clock = MovableClock(NOW)
    runtime: Any = SimpleNamespace(background_db=db, clock=clock)
    await PostgresSessions(db).open(MEMBER, now=NOW, expires_at=NOW + timedelta(hours=10))
    await drafts_of(db).change(uuid4(), MEMBER.member_id, typing(CANARY), now=NOW)
    await plan_drafts_of(db).change(PLAN_ID, MEMBER.member_id, adding(CANARY), new=NEW_PLAN, now=NOW)

    async def kept() -> list[bool]:
        return [await everything_in(db, one) != "[]" for one in ("sessions", "drafts", "plan_drafts")]

    async def until(expected: list[bool]) -> None:
        async with asyncio.timeout(30):
            while await kept() != expected:
                await asyncio.sleep(0.01)

    working = asyncio.create_task(Forgetting(runtime).run())
    clock.advance(timedelta(hours=11))
    await until([False, True, True])
    clock.advance(timedelta(days=DRAFT_DAYS))
    await until([False, False, False])
    working.cancel()


async def test_cursor_is_remembered_when_saved_again(db: Database) -> None:
    cursors = PostgresCursors(db)
    assert await cursors.load("cd93") == ""
    for cursor in ("a", "b"):
        await cursors.save("cd93", cursor)
    assert await cursors.load("cd93") == "b"


async def test_silence_is_said_when_there_is_no_database() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", size=1, application="test")
    with pytest.raises(ServiceSilent):
        await PostgresSessions(nowhere).find("token", now=NOW)


PLAN_ID = uuid4()
NEW_PLAN = PlanDraft(3, (GoalRow("goal-1", "Travailler"),), known=frozenset({"goal-1"}))


def plan_drafts_of(db: Database, master_key: bytes = b"k" * 32) -> PostgresPlanDrafts:
    return PostgresPlanDrafts(db, Vault(master_key))


def adding(text: str) -> Callable[[PlanDraft], PlanDraft]:
    return lambda draft: replace(draft, goals=(*draft.goals, GoalRow(str(uuid4()), text)))


async def test_plan_being_changed_is_unreadable_in_the_table_and_whole_when_opened(db: Database) -> None:
    drafts = plan_drafts_of(db)
    action = ActionRow("a", "step", "t", CANARY, "person", "demain", "planned", "")
    wanted = replace(NEW_PLAN, actions=(action,), open="a", checked=True)
    await drafts.change(PLAN_ID, MEMBER.member_id, lambda _: wanted, new=NEW_PLAN, now=NOW)
    stored = await everything_in(db, "plan_drafts")
    assert CANARY not in stored
    assert CANARY.encode("utf-8").hex() not in stored
    assert await drafts.read(PLAN_ID, MEMBER.member_id, now=NOW) == (wanted, NOW)


async def test_plan_being_changed_is_its_authors_alone_and_forgotten(db: Database) -> None:
    drafts, later = plan_drafts_of(db), NOW + timedelta(days=DRAFT_DAYS, seconds=1)
    await drafts.change(PLAN_ID, MEMBER.member_id, adding(CANARY), new=NEW_PLAN, now=NOW)
    assert await drafts.read(PLAN_ID, uuid4(), now=NOW) is None
    assert await drafts.read(PLAN_ID, MEMBER.member_id, now=later) is None
    await drafts.change(uuid4(), uuid4(), adding("x"), new=NEW_PLAN, now=later)
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM plan_drafts") == 1


async def test_both_goals_are_kept_when_two_tabs_write_at_once(db: Database) -> None:
    drafts = plan_drafts_of(db)
    edits = [adding(str(n)) for n in range(8)]
    await asyncio.gather(*(drafts.change(PLAN_ID, MEMBER.member_id, edit, new=NEW_PLAN, now=NOW) for edit in edits))
    kept = await drafts.read(PLAN_ID, MEMBER.member_id, now=NOW)
    assert kept is not None
    assert sorted(row.text for row in kept[0].goals) == [*map(str, range(8)), "Travailler"]
    await drafts.discard(PLAN_ID, MEMBER.member_id)
    assert await drafts.read(PLAN_ID, MEMBER.member_id, now=NOW) is None


async def test_plan_begins_again_when_the_master_key_is_another(db: Database) -> None:
    await plan_drafts_of(db).change(PLAN_ID, MEMBER.member_id, adding(CANARY), new=NEW_PLAN, now=NOW)
    other = plan_drafts_of(db, b"x" * 32)
    assert await other.read(PLAN_ID, MEMBER.member_id, now=NOW) is None
    begun = await other.change(PLAN_ID, MEMBER.member_id, adding("b"), new=NEW_PLAN, now=NOW)
    assert [row.text for row in begun.goals] == ["Travailler", "b"]
    assert await other.read(PLAN_ID, MEMBER.member_id, now=NOW) == (begun, NOW)
