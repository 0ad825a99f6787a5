"""Answer for a simulator, one step each time the clock asks; nobody who is not one is answered for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from referrals.app.accompaniment_ports import Accompaniments
from referrals.app.ports import Referrals
from referrals.domain.accompaniment_status import Command as JointCommand
from referrals.domain.accompaniment_status import Side
from referrals.domain.errors import IllegalTransition
from referrals.domain.sandbox import DECLINED, Simulated, next_command
from referrals.domain.status import Actor, Command

_JOINT = {Simulated.ACCEPTS: JointCommand.ACCEPTANCE, Simulated.DECLINES: JointCommand.REFUSAL}


async def play_council(referral_id: UUID, *, referrals: Referrals, now: datetime) -> bool:
    """Take the receiver's next step; return whether another one follows."""
    referral = await referrals.lock(referral_id)
    if referral is None:
        return False
    command = next_command(referral.simulated, referral.status)
    if command is None:
        return False
    decline = DECLINED if command is Command.DECLINE else None
    fact = referral.decide(command, frozenset({Actor.RECEIVER}), now, decline)
    await referrals.save(referral, fact)
    return next_command(referral.simulated, referral.status) is not None


async def play_employment_service(accompaniment_id: UUID, *, accompaniments: Accompaniments, now: datetime) -> None:
    """Agree or refuse on the employment service's side, unless it has answered or it is too late."""
    accompaniment = await accompaniments.lock(accompaniment_id)
    if accompaniment is None or accompaniment.simulated is None:
        return
    command = _JOINT.get(accompaniment.simulated)
    if command is None:
        return
    try:
        happened = accompaniment.act(command, Side.EMPLOYMENT_SERVICE, now, None)
    except IllegalTransition:
        return
    await accompaniments.save(accompaniment, [happened])
