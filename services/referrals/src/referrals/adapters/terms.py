"""The terms of referrals and accompaniments, when the chassis's timers say that they are over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.timers import OnTimer
from referrals.adapters.accompaniments import TIMERS as JOINT_TIMERS
from referrals.adapters.accompaniments import PostgresAccompaniments
from referrals.adapters.postgres import TIMERS, PostgresReferrals
from referrals.app.notice_silence import notice_silence
from referrals.app.notice_term import notice_term
from referrals.domain.accompaniment_status import Command as Term
from referrals.domain.status import Command


def timers(vault: Vault) -> Mapping[str, OnTimer]:
    """Return the handler of each kind of timer."""

    def of_referral(command: Command) -> OnTimer:
        async def on_timer(tx: Tx, referral_id: UUID, now: datetime) -> None:
            await notice_silence(referral_id, command, referrals=PostgresReferrals(tx, vault), now=now)

        return on_timer

    def of_accompaniment(term: Term) -> OnTimer:
        async def on_timer(tx: Tx, accompaniment_id: UUID, now: datetime) -> None:
            await notice_term(accompaniment_id, term, accompaniments=PostgresAccompaniments(tx, vault), now=now)

        return on_timer

    return {
        **{kind: of_referral(command) for kind, command in TIMERS.items()},
        **{kind: of_accompaniment(term) for kind, term in JOINT_TIMERS.items()},
    }
