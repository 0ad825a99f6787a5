"""The terms of a referral, when the chassis's timers say that they are over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.timers import OnTimer
from referrals.adapters.postgres import TIMERS, PostgresReferrals
from referrals.app.notice_silence import notice_silence
from referrals.domain.status import Command


def timers(vault: Vault) -> Mapping[str, OnTimer]:
    """Return the handler of each kind of timer."""

    def handler(command: Command) -> OnTimer:
        async def on_timer(tx: Tx, referral_id: UUID, now: datetime) -> None:
            await notice_silence(referral_id, command, referrals=PostgresReferrals(tx, vault), now=now)

        return on_timer

    return {kind: handler(command) for kind, command in TIMERS.items()}
