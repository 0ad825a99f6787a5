"""Routes for operators: an organisation's access to its own Kafka topic."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from chassis.auth import Caller, require
from chassis.crypto import Vault
from chassis.runtime import Runtime, runtime_of
from partners.adapters.http.refusals import refusals
from partners.adapters.postgres.kafka_accesses import PostgresKafkaAccesses
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.provisioning import Provisioning
from partners.app.ports import KafkaAccess
from partners.app.request_kafka_access import request_kafka_access
from partners.app.withdraw_kafka_access import withdraw_kafka_access
from partners.domain.errors import NotFound
from partners.domain.kafka_access import group_prefix_of, user_of

Operator = Annotated[Caller, require("operations")]
Parts = Annotated[Runtime, Depends(runtime_of)]
Code = Annotated[str, Path(pattern=r"^[a-z0-9]{2,20}$")]


def kafka_access_routes(vault: Vault, provisioning: Provisioning, bootstrap: str) -> APIRouter:
    """Return the routes; `bootstrap` is what partners are told."""
    router = APIRouter()

    def document(access: KafkaAccess) -> dict[str, Any]:
        return {
            "bootstrap": bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "mechanism": "SCRAM-SHA-512",
            "username": user_of(access.code),
            "topic": access.topic,
            "group_prefix": group_prefix_of(access.code),
            "state": access.state,
            "ready": access.ready and access.state == "granted",
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

    @router.get("/organisations/{code}/kafka-access")
    async def get_access(code: Code, _: Operator, runtime: Parts) -> dict[str, Any]:
        """Show an access without its password."""
        async with refusals(), runtime.db.connection() as tx:
            access = await PostgresKafkaAccesses(tx, vault).find(code)
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

    return router
