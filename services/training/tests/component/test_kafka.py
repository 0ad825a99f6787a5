"""The whole process on a real broker: a plan sent twice enrols once, and readers of the topic see each step once."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from chassis.db import Database
from chassis.testing.events import AT, routing
from chassis.testing.kafka import create_contract_topics, read_until
from maillage_contracts import (
    AccompanimentPlanChanged,
    Event,
    PlannedAction,
    decode,
    encode,
    envelope_for,
)
from training.main import create_app
from training.settings import TrainingSettings

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]
SCHEMAS = Path(__file__).parents[4] / "contracts" / "schemas"
THEME = "numerique--maitriser-les-fondamentaux-du-numerique"


def plan(version: int, *session_ids: UUID, accompaniment_id: UUID) -> AccompanimentPlanChanged:
    """Return a plan that asks for these sessions."""
    return AccompanimentPlanChanged(
        accompaniment_id=accompaniment_id,
        aggregate_version=version,
        referral_id=accompaniment_id,
        subject_ref=accompaniment_id,
        routing=routing(),
        changed_by=routing().receiver_organisation_id,
        actions=tuple(
            PlannedAction(
                action_id=session_id, kind="training", theme=THEME, assigned_to="person", state="planned",
                session_id=session_id,
            )
            for session_id in session_ids
        ),
        changed_at=AT,
    )  # fmt: skip


async def send(bootstrap: str, *events: tuple[Event, UUID, UUID]) -> None:
    """Produce events under these ids and stories."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    for event, event_id, story in events:
        envelope = envelope_for(
            event, id=event_id, source="/referrals", time=AT, correlation_id=story, traceparent=None
        )
        record = encode(event, envelope)
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    await producer.stop()


async def test_plan_sent_twice_enrols_once_from_topic_to_topic(
    database: Callable[[str | None], Awaitable[str]], kafka_server: Any, tmp_path: Path
) -> None:
    await create_contract_topics(kafka_server.bootstrap)
    dsn = await database("training")
    (tmp_path / "master-key").write_bytes(base64.b64encode(bytes(range(32))))
    app = create_app(
        TrainingSettings(
            stack="test", http_port=0, database_dsn=SecretStr(dsn), kafka_bootstrap=kafka_server.bootstrap,
            master_key_file=tmp_path / "master-key", token_issuer="test", instance=uuid4().hex,
        )
    )  # fmt: skip
    accompaniment_id, cause, later, story, session_id = (uuid4() for _ in range(5))
    db = Database(dsn, size=2, application="test")
    async with db.transaction() as tx:
        await tx.execute(SESSION, session_id, uuid4(), uuid4(), THEME)
    wanted = plan(4, session_id, accompaniment_id=accompaniment_id)
    empty = plan(5, accompaniment_id=accompaniment_id)
    async with app.router.lifespan_context(app):
        await send(
            kafka_server.bootstrap,
            (wanted, cause, story), (wanted, cause, story), (empty, later, story), (wanted, cause, story),
        )  # fmt: skip

        def ended(records: list[Any]) -> bool:
            return any(_type(r).endswith("withdrawn.v1") for r in records if _story(r) == story)

        records = await read_until(kafka_server.bootstrap, "training-enrolment-v1", ended)
    ours = [record for record in records if _story(record) == story]
    assert [_type(record).split(".")[-2] for record in ours] == ["requested", "seat_held", "withdrawn"]
    for record in ours:
        schema = json.loads((SCHEMAS / f"{_type(record).removeprefix('fr.maillage.')}.schema.json").read_text())
        jsonschema.validate(json.loads(record.value), schema, cls=jsonschema.Draft202012Validator)
    envelopes = [decode({name: value.decode() for name, value in r.headers}, r.value).envelope for r in ours]
    assert [envelope.causation_id for envelope in envelopes] == [cause, cause, later]
    assert len({record.key for record in ours}) == 1
    async with db.connection() as connection:
        # Other tests of the session share the topics: only what is ours is counted.
        ours_only = "WHERE accompaniment_id = $1"
        assert await connection.fetchval(f"SELECT count(*) FROM enrolments {ours_only}", accompaniment_id) == 1
        assert await connection.fetchval("SELECT taken FROM sessions WHERE session_id = $1", session_id) == 0
    await db.close()


SESSION = """
INSERT INTO sessions (session_id, version, status, correlation_id, organisation_id, title, theme, commune, seats, hours,
    starts_at, place, opened_at, changed_at)
VALUES ($1, 1, 'open', $2, $3, 'Exemple', $4, '93048', 1, 12, now() + interval '1 year', 'Exemple', now(), now())
"""


def _type(record: Any) -> str:
    return str(dict(record.headers)["ce_type"].decode())


def _story(record: Any) -> UUID:
    return UUID(dict(record.headers)["ce_correlationid"].decode())
