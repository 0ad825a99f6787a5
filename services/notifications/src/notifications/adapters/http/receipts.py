"""Receipts of the SMS gateway: believed when signed with the secret we share, whoever sends them.

A receipt repeated is answered as the first time, so that the gateway may send it until it hears us.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from chassis.problems import Problem
from chassis.runtime import Runtime, runtime_of
from chassis.sentences import Said
from notifications.adapters.postgres.notices import PostgresNotices
from notifications.adapters.sms import is_signed
from notifications.app.apply_receipt import apply_receipt
from notifications.app.ports import Receipt
from notifications.domain.errors import NotFound

CHANNEL = "sms"
Parts = Annotated[Runtime, Depends(runtime_of)]


class ReceiptBody(BaseModel):
    """What the gateway says."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    reference: UUID
    status: Literal["delivered", "failed", "undeliverable"]
    at: AwareDatetime


def routes(token: str) -> APIRouter:
    """Return the route, for receipts signed with `token`."""
    router = APIRouter()

    @router.post("/receipts/sms")
    async def receive(
        request: Request, runtime: Parts, maillage_signature: Annotated[str, Header(max_length=200)] = ""
    ) -> dict[str, str]:
        body = await request.body()
        if not is_signed(body, maillage_signature, token):
            raise Problem(
                401,
                "signature_invalid",
                Said("Cet accusé n’est pas signé par la passerelle.", "This receipt is not signed by the gateway."),
            )
        said = _read(body)
        now = runtime.clock.now()
        try:
            async with runtime.transaction() as tx:
                await apply_receipt(
                    said.reference,
                    CHANNEL,
                    Receipt(said.status == "delivered", said.at),
                    notices=PostgresNotices(tx, now),
                    now=now,
                )
        except NotFound as error:
            raise Problem(404, error.code, Said("Rien de tel ici.", "There is no such thing here.")) from None
        return {"reference": str(said.reference)}

    return router


def _read(body: bytes) -> ReceiptBody:
    try:
        return ReceiptBody.model_validate_json(body)
    except ValidationError:
        pass
    # Raised outside the handler: its context must hold nothing that was sent.
    raise Problem(422, "validation_failed", Said("Cet accusé n’est pas lisible.", "This receipt cannot be read."))
