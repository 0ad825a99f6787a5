"""Nobody of the sandbox takes a real seat, nor the reverse."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

Desk = Any
ASSOCIATION, COUNCIL, PROVIDER, OTHER_PROVIDER = UUID(int=0xA1), UUID(int=0xC1), UUID(int=0xD1), UUID(int=0xD2)


async def to_the_sandbox(desk: Desk, *organisations: UUID) -> None:
    async with desk.db.transaction() as tx:
        await tx.execute(
            "UPDATE directory_organisations SET sandbox = true WHERE organisation_id = ANY ($1)", list(organisations)
        )


@pytest.mark.parametrize("sandboxed", [ASSOCIATION, PROVIDER])
async def test_seat_of_the_other_world_does_not_exist_when_it_is_asked_for(desk: Desk, sandboxed: UUID) -> None:
    session_id = await desk.session()
    await to_the_sandbox(desk, sandboxed)
    story = await desk.story()

    asked = await desk.ask(story, session_id)
    await desk.hear(story, story.plan((uuid4(), session_id, "to_do")))

    assert (asked.status_code, asked.json()["code"]) == (422, "unknown_session")
    (row,) = await desk.rows("SELECT status FROM enrolments")
    assert row["status"] == "ineligible"
    assert (await desk.rows("SELECT taken FROM sessions"))[0]["taken"] == 0


async def test_seat_of_the_own_world_is_held_when_both_are_of_the_sandbox(desk: Desk) -> None:
    session_id = await desk.session()
    await to_the_sandbox(desk, ASSOCIATION, PROVIDER)

    assert (await desk.ask(await desk.story(), session_id)).status_code == 201


async def test_each_world_lists_its_own_sessions(desk: Desk) -> None:
    fake, real = await desk.session(), await desk.session(OTHER_PROVIDER)
    await to_the_sandbox(desk, PROVIDER)

    for sandbox, listed in ((True, fake), (False, real)):
        answer = await desk.http.get("/sessions", headers=desk.bearer(COUNCIL, sandbox=sandbox))
        assert [one["session_id"] for one in answer.json()["items"]] == [listed]
