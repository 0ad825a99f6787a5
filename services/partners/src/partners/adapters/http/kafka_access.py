"""Routes of an organisation's access to its own Kafka topic: operators give and withdraw, both renew passwords."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from partners.adapters.http.owner import Owner, owner_by
from partners.adapters.http.refusals import refusals
from partners.adapters.partner_listener import PartnerListener
from partners.adapters.postgres.kafka_accesses import PostgresKafkaAccesses
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.provisioning import Provisioning
from partners.app.kafka_ports import KafkaAccess
from partners.app.request_kafka_access import request_kafka_access
from partners.app.rotate_kafka_password import rotate_kafka_password
from partners.app.withdraw_kafka_access import withdraw_kafka_access
from partners.domain.access import MANAGE
from partners.domain.errors import NotFound
from partners.domain.kafka_access import group_prefix_of

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Whose = Annotated[Owner, owner_by(MANAGE)]
Code = Annotated[str, Path(pattern=r"^[a-z0-9]{2,20}$")]


def kafka_access_routes(vault: Vault, provisioning: Provisioning, listener: PartnerListener) -> APIRouter:
    """Return the routes; `listener` is what partners are told."""
    router = APIRouter()

    def document(access: KafkaAccess) -> dict[str, Any]:
        return {
            **listener.document(access),
            "group_prefix": group_prefix_of(access.code),
            "state": access.state,
            "ready": access.ready and access.state == "granted",
            "password_lost": access.password_lost,
        }

    @router.put("/organisations/{code}/kafka-access")
    async def put_access(code: Code, _: Operator, runtime: Parts, response: Response) -> dict[str, Any]:
        """Want access; the password is in the answer that creates it and nowhere else."""
        response.headers["cache-control"] = "no-store"
        async with refusals(), runtime.transaction() as tx:
            access, password = await request_kafka_access(
                PostgresOrganisations(tx), PostgresKafkaAccesses(tx, vault), code, runtime.clock.now()
            )
        provisioning.wake()
        shown = document(access)
        response.status_code = 200 if shown["ready"] else 202
        return shown if password is None else {**shown, "password": password}

    @router.get("/kafka-access")
    @router.get("/organisations/{code}/kafka-access")
    async def get_access(owner: Whose, runtime: Parts) -> dict[str, Any]:
        """Show an access without its password."""
        async with refusals(), runtime.db.connection() as tx:
            access = await PostgresKafkaAccesses(tx, vault).find(owner.code)
            if access is None:
                raise NotFound
        return document(access)

    @router.delete("/organisations/{code}/kafka-access")
    async def delete_access(code: Code, _: Operator, runtime: Parts, response: Response) -> dict[str, Any]:
        """Withdraw access: rights first, then the user, in the background."""
        async with refusals(), runtime.transaction() as tx:
            access = await withdraw_kafka_access(PostgresKafkaAccesses(tx, vault), code, runtime.clock.now())
        provisioning.wake()
        response.status_code = 200 if access.state == "revoked" else 202
        return document(access)

    @router.post("/kafka-access/password", status_code=202)
    @router.post("/organisations/{code}/kafka-access/password", status_code=202)
    async def post_password(owner: Whose, runtime: Parts, response: Response) -> dict[str, Any]:
        """Make a new password, shown in this answer and nowhere else; the old one ends within seconds."""
        response.headers["cache-control"] = "no-store"
        async with refusals(), runtime.transaction() as tx:
            access, password = await rotate_kafka_password(
                PostgresKafkaAccesses(tx, vault), owner.code, runtime.clock.now()
            )
            await owner.note(tx, runtime, "kafka_password", access.organisation_id, "created")
        provisioning.wake()
        return {**document(access), "password": password}

    return router
