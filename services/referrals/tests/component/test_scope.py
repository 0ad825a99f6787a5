"""What a council may read of a person follows its territory, as its stream does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from chassis.directory import apply_organisations
from maillage_contracts import OrganisationChanged, Territory

Desk = Any
Pair = Any
Propose = Any
COUNCIL, OTHER_COUNCIL, EMPLOYMENT, ASSOCIATION = (UUID(int=n) for n in (0xC1, 0xC2, 0xF1, 0xA1))


async def give(
    desk: Desk, version: int, *, collectivities: tuple[str, ...] = (), communes: tuple[str, ...] = ()
) -> None:
    """Let the service hear of the council's territory, as `partners` tells it."""
    event = OrganisationChanged(
        organisation_id=COUNCIL, aggregate_version=version, code="cd93", name="Département exemple", kind="council",
        phone="01 99 00 00 00", postal_address="1 rue de l’Exemple",
        territory=Territory(communes=communes, epcis=(), departements=(), collectivities=collectivities),
        changed_at=desk.clock.now(),
    )  # fmt: skip
    async with desk.db.transaction() as tx:
        await apply_organisations(tx, [event])


async def purposes(desk: Desk, record_id: str) -> list[str]:
    rows = await desk.rows(
        "SELECT purpose FROM audit WHERE record_id = $1 AND organisation_id = $2 ORDER BY id", UUID(record_id), COUNCIL
    )
    return [row["purpose"] for row in rows]


async def test_council_reads_nobody_outside_its_territory_and_asking_is_recorded(desk: Desk) -> None:
    referral_id = await desk.submitted()
    assert (await desk.read(referral_id, by=COUNCIL)).status_code == 200

    await give(desk, 50, communes=("93066",))
    refused = await desk.read(referral_id, by=COUNCIL)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    listed = (await desk.http.get("/referrals", headers=desk.bearer(COUNCIL))).json()["items"]
    assert [(one["referral_id"], one["person_name"]) for one in listed] == [(referral_id, None)]
    # Whoever referred the person goes on reading what they wrote.
    assert (await desk.read(referral_id)).json()["person"] is not None

    await give(desk, 51, collectivities=("93D",))
    assert (await desk.read(referral_id, by=COUNCIL)).json()["person"] is not None
    assert await purposes(desk, referral_id) == ["referrals.read", "referrals.read.out_of_scope", "referrals.read"]


@pytest.mark.parametrize("command", ["receipt", "review", "acceptance", "decline"])
async def test_council_answers_nobody_outside_its_territory_and_asking_is_recorded(desk: Desk, command: str) -> None:
    referral_id = await desk.submitted()
    body = (
        {"reasons": ["out_of_area"], "declined_by": "provider", "shareable_with_person": True}
        if command == "decline"
        else {}
    )

    async def answer() -> Any:
        headers = {**desk.bearer(COUNCIL), "idempotency-key": "one-answer"}
        return await desk.http.post(f"/referrals/{referral_id}/{command}", json=body, headers=headers)

    await give(desk, 50, communes=("93066",))
    refused = await answer()
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await desk.read(referral_id)).json()["status"] == "submitted"
    assert await purposes(desk, referral_id) == ["referrals.answer.out_of_scope"]

    # What was refused is not remembered under its key.
    await give(desk, 51, collectivities=("93D",))
    assert (await answer()).status_code in (200, 409)
    assert await purposes(desk, referral_id) == ["referrals.answer.out_of_scope"]


async def test_council_of_a_pair_reads_it_only_within_its_territory_and_may_end_its_part(pair: Pair) -> None:
    desk, path = pair.desk, f"/accompaniments/{pair.accompaniment_id}"
    await pair.activate()
    await give(desk, 50, communes=("93066",))

    refused = await desk.http.get(path, headers=desk.bearer(COUNCIL))
    assert refused.status_code == 404
    listed = (await desk.http.get("/accompaniments", headers=desk.bearer(COUNCIL))).json()["items"]
    assert [one["person_name"] for one in listed] == [None]
    assert (await desk.http.get(path, headers=desk.bearer(EMPLOYMENT))).json()["person"] is not None
    assert (await purposes(desk, pair.accompaniment_id))[-1] == "accompaniments.read.out_of_scope"

    headers = desk.bearer(COUNCIL)
    for command in ("acceptance", "review"):
        refused = await desk.http.post(f"{path}/{command}", json={}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), command
    plan = {"version": 0, "goals": [], "actions": []}
    assert (await desk.http.put(f"{path}/plan", json=plan, headers=headers)).status_code == 404
    assert (await purposes(desk, pair.accompaniment_id))[-3:] == ["accompaniments.act.out_of_scope"] * 3

    ended = await desk.http.post(f"{path}/end", json={"reason": "moved"}, headers=desk.bearer(COUNCIL))
    assert (ended.status_code, ended.json()) == (200, {"accompaniment_id": pair.accompaniment_id})


async def test_council_proposes_for_nobody_outside_its_territory_and_asking_is_recorded(
    desk: Desk, propose: Propose
) -> None:
    referral_id = await desk.accepted()
    await give(desk, 50, communes=("93066",))

    refused = await propose(desk, referral_id, key="one")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert await desk.rows("SELECT * FROM accompaniments") == []
    assert (await purposes(desk, referral_id))[-1] == "accompaniments.act.out_of_scope"

    # What was refused is not remembered under its key.
    await give(desk, 51, collectivities=("93D",))
    assert (await propose(desk, referral_id, key="one")).status_code == 201


async def test_council_refuses_what_it_proposed_although_its_territory_shrank(pair: Pair) -> None:
    await give(pair.desk, 50, communes=("93066",))

    path = f"/accompaniments/{pair.accompaniment_id}/refusal"
    refused = await pair.desk.http.post(path, json={}, headers=pair.desk.bearer(COUNCIL))

    assert (refused.status_code, refused.json()) == (200, {"accompaniment_id": pair.accompaniment_id})


async def test_council_gives_itself_nobody_to_read_by_saying_where_they_live(desk: Desk) -> None:
    await give(desk, 50, collectivities=("77D", "93D"))
    referral_id = await desk.submitted()
    await give(desk, 51, collectivities=("77D",))

    refused = await desk.command(referral_id, "move", by=COUNCIL, body={"commune": "77288"})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await desk.read(referral_id, by=COUNCIL)).status_code == 404
    assert "referrals.answer.out_of_scope" in await purposes(desk, referral_id)
    # Whoever referred the person says so, and another council is asked by anybody.
    moved = await desk.command(referral_id, "move", by=ASSOCIATION, body={"commune": "77288"})
    assert moved.status_code == 200
    assert (await desk.read(referral_id, by=COUNCIL)).json()["person"] is not None


async def test_council_sends_a_person_outside_its_territory_to_another_council(desk: Desk) -> None:
    referral_id = await desk.submitted()
    await give(desk, 50, communes=("93066",))

    moved = await desk.command(referral_id, "move", by=COUNCIL, body={"commune": "69383"})
    assert moved.status_code == 200
    assert (await desk.read(referral_id, by=OTHER_COUNCIL)).json()["person"] is not None


async def test_withdrawn_referral_tells_the_council_no_more_who_it_was_about(desk: Desk) -> None:
    referral_id = await desk.submitted()
    await desk.identify(referral_id)
    assert (await desk.read(referral_id, by=COUNCIL)).json()["person"] is not None
    await desk.command(referral_id, "withdrawal", by=ASSOCIATION)

    read = (await desk.read(referral_id, by=COUNCIL)).json()
    assert (read["person"], read["person_name"], read["note"]) == (None, None, None)
    (line,) = (await desk.http.get("/referrals", headers=desk.bearer(COUNCIL))).json()["items"]
    assert (line["status"], line["person_name"]) == ("withdrawn", None)
    # Whoever wrote it reads it, until the person is erased.
    assert (await desk.read(referral_id)).json()["person"] is not None


async def test_what_was_typed_goes_with_a_withdrawal_that_comes_before_anybody_is_identified(desk: Desk) -> None:
    kept, early = await desk.submitted(), await desk.submitted()
    await desk.command(early, "withdrawal", by=ASSOCIATION)
    # The claim was read before the withdrawal, and registration's answer comes after it.
    await desk.identify(early)

    assert (await desk.read(early)).json()["person"] is None
    assert [str(row["referral_id"]) for row in await desk.rows("SELECT referral_id FROM referral_persons")] == [kept]
