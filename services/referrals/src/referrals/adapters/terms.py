"""The terms of referrals and accompaniments, and the steps of simulators, when the chassis's timers say so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.ids import new_id
from chassis.timers import OnTimer, start_timer
from referrals.adapters.accompaniments import JOINT_SIMULATOR, PostgresAccompaniments
from referrals.adapters.accompaniments import TIMERS as JOINT_TIMERS
from referrals.adapters.newcomers import NEWCOMER, DirectoryNewcomers
from referrals.adapters.postgres import SIMULATOR, TIMERS, PostgresReferrals
from referrals.app.notice_silence import notice_silence
from referrals.app.notice_term import notice_term
from referrals.app.play_simulator import play_council, play_employment_service
from referrals.app.welcome_council import welcome_council
from referrals.domain.accompaniment_status import Command as Term
from referrals.domain.sandbox import STEP_AFTER
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

    async def of_council(tx: Tx, referral_id: UUID, now: datetime) -> None:
        if await play_council(referral_id, referrals=PostgresReferrals(tx, vault), now=now):
            await start_timer(tx, SIMULATOR, referral_id, now + STEP_AFTER)

    async def of_employment_service(tx: Tx, accompaniment_id: UUID, now: datetime) -> None:
        await play_employment_service(accompaniment_id, accompaniments=PostgresAccompaniments(tx, vault), now=now)

    async def of_newcomer(tx: Tx, organisation_id: UUID, now: datetime) -> None:
        newcomers, referrals = DirectoryNewcomers(tx), PostgresReferrals(tx, vault)
        await welcome_council(organisation_id, newcomers=newcomers, referrals=referrals, new_id=new_id, now=now)

    return {
        **{kind: of_referral(command) for kind, command in TIMERS.items()},
        **{kind: of_accompaniment(term) for kind, term in JOINT_TIMERS.items()},
        SIMULATOR: of_council,
        NEWCOMER: of_newcomer,
        JOINT_SIMULATOR: of_employment_service,
    }
