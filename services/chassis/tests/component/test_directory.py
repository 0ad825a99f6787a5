"""A service's copy of who takes part: versions in any order, revocations everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from chassis.auth import LEEWAY_SECONDS
from chassis.clock import MovableClock
from chassis.db import Database
from chassis.directory import (
    KEPT_FOR,
    Directory,
    answering,
    apply_ended,
    apply_organisations,
    apply_revocations,
    council_for,
    organisation,
    organisation_by_code,
    organisations,
)
from chassis.errors import DependencyDown
from chassis.records import Delivery
from chassis.testing.events import source_of_event
from chassis.token_format import LIFETIME_SECONDS
from maillage_contracts import (
    AccessEnded,
    ApiClientRevoked,
    Event,
    OrganisationChanged,
    OrganisationRegistered,
    Territory,
    envelope_for,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def registered(
    version: int = 1,
    *,
    organisation_id: UUID | None = None,
    code: str = "cd93",
    collectivities: tuple[str, ...] = ("93D",),
    kind: str = "council",
    email: str | None = None,
) -> OrganisationRegistered:
    return OrganisationRegistered(
        organisation_id=organisation_id or uuid4(),
        aggregate_version=version,
        code=code,
        name=f"Département v{version}",
        kind=kind,
        phone="+33 1 99 00 00 00",
        postal_address="1 rue de l’Exemple\n93000 Exemple",
        email=email,
        territory=Territory(communes=("93048",), epcis=(), departements=(), collectivities=collectivities),
        changed_at=AT,
    )


def changed(version: int, first: OrganisationRegistered) -> OrganisationChanged:
    values = first.model_dump() | {"aggregate_version": version, "name": f"Département v{version}"}
    return OrganisationChanged.model_validate(values)


def revoked(client_id: str) -> ApiClientRevoked:
    return ApiClientRevoked(organisation_id=uuid4(), aggregate_version=2, client_id=client_id, revoked_at=AT)


def ended(grant_id: UUID) -> AccessEnded:
    return AccessEnded(organisation_id=uuid4(), aggregate_version=3, grant_id=grant_id, ended_at=AT)


def delivery(event: Event) -> Delivery:
    envelope = envelope_for(event, id=uuid4(), source="/partners", time=AT, correlation_id=uuid4())
    return Delivery(event, envelope, source_of_event(event))


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (3, 3, 1)])
async def test_newest_version_stays_whatever_the_order(db: Database, order: tuple[int, ...]) -> None:
    first = registered()
    for version in order:
        async with db.transaction() as tx:
            await apply_organisations(tx, [changed(version, first)])

    async with db.transaction() as tx:
        found = await organisation(tx, first.organisation_id)
    assert found is not None
    assert (found.version, found.name) == (3, "Département v3")
    assert found.territory["communes"] == ["93048"]


async def test_batch_may_hold_several_versions_and_organisations(db: Database) -> None:
    one, other = registered(), registered(code="asso1", collectivities=(), kind="association")
    async with db.transaction() as tx:
        await apply_organisations(tx, [one, other, changed(3, one), changed(2, one)])
        found = await organisations(tx, [one.organisation_id, other.organisation_id, uuid4()])
        by_code = await organisation_by_code(tx, "asso1")

    assert {each.version for each in found.values()} == {1, 3}
    assert by_code == found[other.organisation_id]


async def test_council_is_found_by_its_collectivity(db: Database) -> None:
    council = registered(collectivities=("93D", "69M"))
    decoy = registered(code="asso1", collectivities=("93D",), kind="association")
    async with db.transaction() as tx:
        await apply_organisations(tx, [council, decoy])
        found = await council_for(tx, "69M")
        assert found is not None
        assert found.organisation_id == council.organisation_id
        assert await council_for(tx, "93D") == found
        assert await council_for(tx, "75C") is None

        await apply_organisations(tx, [changed(2, registered(organisation_id=council.organisation_id))])
        assert await council_for(tx, "69M") is None


async def test_those_who_answer_for_a_collectivity_are_found_by_kind_and_code(db: Database) -> None:
    second, first = (registered(code=code, kind="employment_service") for code in ("ft93b", "ft93"))
    elsewhere = registered(code="ft69", kind="employment_service", collectivities=("69M",))
    async with db.transaction() as tx:
        await apply_organisations(tx, [second, registered(), elsewhere, first])

        assert [one.code for one in await answering(tx, "employment_service", "93D")] == ["ft93", "ft93b"]
        assert [one.code for one in await answering(tx, "council", "93D")] == ["cd93"]
        assert await answering(tx, "council", "69M") == []


async def test_email_follows_the_organisations_events(db: Database) -> None:
    given = registered(email="accueil@example.org")
    async with db.transaction() as tx:
        await apply_organisations(tx, [given, registered(code="cd94", collectivities=())])
        found = await organisation(tx, given.organisation_id)
        without = await organisation_by_code(tx, "cd94")
        await apply_organisations(tx, [changed(2, registered(organisation_id=given.organisation_id))])
        taken_back = await organisation(tx, given.organisation_id)

    assert found is not None
    assert without is not None
    assert taken_back is not None
    assert (found.email, without.email, taken_back.email) == ("accueil@example.org", None, None)


async def test_revocation_holds_at_once_here_and_after_a_refresh_elsewhere(db: Database) -> None:
    clock, grant = MovableClock(AT), uuid4()
    here, elsewhere = Directory(db, clock), Directory(db, clock)
    (subscription,) = here.subscriptions()
    assert subscription.topic == "partners-organisation-v1"
    assert subscription.many is not None

    async with db.transaction() as tx:
        await subscription.many(tx, [delivery(registered()), delivery(revoked("client-1")), delivery(revoked("c2"))])
        await subscription.many(tx, [delivery(ended(grant)), delivery(ended(grant))])
        await apply_revocations(tx, [revoked("client-1")])
        await apply_ended(tx, [ended(grant)])

    assert here.is_revoked("client-1")
    assert not here.is_revoked("other")
    assert not elsewhere.is_revoked("client-1")
    await elsewhere.refresh()
    assert elsewhere.is_revoked("client-1")
    assert elsewhere.is_revoked("c2")
    assert here.is_revoked(str(grant))
    assert elsewhere.is_revoked(str(grant))


async def test_what_was_revoked_longer_ago_than_a_token_lives_is_not_kept(db: Database) -> None:
    clock, grant = MovableClock(AT), uuid4()
    reader, late = Directory(db, clock), Directory(db, clock)
    (subscription,) = reader.subscriptions()
    assert subscription.many is not None
    async with db.transaction() as tx:
        await subscription.many(tx, [delivery(revoked("client-1")), delivery(ended(grant))])
    await reader.refresh()

    clock.advance(timedelta(seconds=LIFETIME_SECONDS + 2 * LEEWAY_SECONDS))
    await reader.refresh()
    newcomer = Directory(db, clock)
    await newcomer.refresh()
    for one in (reader, newcomer):
        assert one.is_revoked("client-1")
        assert one.is_revoked(str(grant))
    clock.advance(KEPT_FOR)
    await reader.refresh()
    await late.refresh()

    assert not reader.is_revoked("client-1")
    assert not late.is_revoked(str(grant))
    async with db.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM ended_accesses") == 0
        # Who was revoked stays known: it is rebuilt from the topic, and compared.
        assert await tx.fetchval("SELECT count(*) FROM revoked_clients") == 1


async def test_nobody_is_believed_before_revocations_are_loaded() -> None:
    directory = Directory(Database("postgresql://nobody@127.0.0.1:1/none", size=1, application="test"))

    with pytest.raises(DependencyDown):
        await directory.run()
    with pytest.raises(DependencyDown):
        directory.is_revoked("client-1")
