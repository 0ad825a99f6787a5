"""Last part: who was written to. Everything stays on this machine, on pages of the local stack."""

from __future__ import annotations

from typing import Any

from maillage.story.orientation import EMAIL
from maillage.story.scene import Told

MAILS_OF_THE_PERSON = 4
"""Accompaniment, first date, new date, seat."""


class Messages:
    """E-mails and text messages that the story caused."""

    def __init__(self, told: Told) -> None:
        self._told = told

    async def play(self) -> None:
        """Wait for the last of them, and tell how many there are and where to read them."""
        told = self._told

        async def arrived() -> tuple[list[dict[str, Any]], list[dict[str, Any]]] | None:
            mails, texts = await told.scene.caught("mail"), await told.scene.caught("sms")
            mine = [mail for mail in mails if EMAIL in mail["to"]]
            return (mails, texts) if len(mine) >= MAILS_OF_THE_PERSON and texts else None

        mails, texts = await told.eventually(arrived, "Les messages à Camille")
        told.line(told.since_act(), "Les messages sont partis", "messages sent")
        mine = sum(EMAIL in mail["to"] for mail in mails)
        address = told.scene.settings.desk_url
        told.remark(f"{mine} courriels à Camille, {len(mails) - mine} aux organisations : {address}/mail · e-mails")
        told.remark(f"{len(texts)} SMS : {address}/sms · text messages")
