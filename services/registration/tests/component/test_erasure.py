"""Everything that these tables hold about a person can be erased: what the README says is enough, and is all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .test_sharing import confirmed

Desk = Any
README = Path(__file__).parents[2] / "README.md"
PSEUDONYMOUS = {"persons", "identifications", "audit", "outbox", "inbox"}
"""What may keep an opaque reference: that it existed, what was told, and who read what."""


def statements() -> list[str]:
    """Return the SQL of the README's section on erasure."""
    (block,) = re.findall(r"## Erasure.*?```sql\n(.*?)```", README.read_text(), re.DOTALL)
    return [statement.strip() for statement in block.split(";") if statement.strip()]


async def test_erasing_a_person_leaves_nothing_of_theirs_and_all_of_the_others(desk: Desk) -> None:
    story, other = await desk.accompanied(), await desk.accompanied(last_name="Autre")
    tokens = {}
    for one in (story, other):
        appointment_id = await desk.booked(one)
        tokens[one] = await desk.link(one, appointment_id)
        await desk.command(appointment_id, "postponement")
        await desk.hear(confirmed(one))
    before = await desk.tables()

    async with desk.db.transaction() as tx:
        for statement in statements():
            await tx.execute(statement, story.subject_ref)

    after = await desk.tables()
    for name, rows in after.items():
        left = [row for row in rows if str(story.subject_ref) in str(row) or str(story.accompaniment_id) in str(row)]
        assert not left or name in PSEUDONYMOUS, name
        if name not in PSEUDONYMOUS:
            assert len(rows) in (len(before[name]), len(before[name]) // 2), name
    assert [len(after[name]) for name in ("appointments", "appointment_dates", "tiers")] == [1, 1, 1]
    assert (await desk.by_link(tokens[story])).status_code == 404
    assert (await desk.by_link(tokens[other])).status_code == 200
    # What is heard of them later finds nobody.
    await desk.hear(story.ended())
    await desk.hear(confirmed(story))
    for name in ("known_accompaniments", "tiers", "sharings", "dead_letters"):
        assert await desk.rows(f"SELECT * FROM {name}") == after[name]


async def test_every_table_that_names_a_person_is_in_the_readme(desk: Desk) -> None:
    rows = await desk.rows("SELECT table_name AS t FROM information_schema.columns WHERE column_name = 'subject_ref'")
    named = {row["t"] for row in rows}
    assert named >= {"appointments", "tiers", "sharings", "known_accompaniments"}
    for table in named - PSEUDONYMOUS:
        assert any(f"DELETE FROM {table} " in statement for statement in statements()), table
