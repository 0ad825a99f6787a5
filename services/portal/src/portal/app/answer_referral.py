"""Carry out one act on a referral, in the name of the member's organisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from portal.app.ports import ReferralDesk
from portal.domain.errors import NotFound
from portal.domain.member import Kind, Member
from portal.domain.referral import COMMANDS, MOVE

KEY_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """The act, what goes with it, and the key that makes a double click one act."""

    command: str
    body: Mapping[str, object]
    key: str


async def answer_referral(desk: ReferralDesk, member: Member, referral_id: UUID, answer: Answer) -> None:
    """Ask the referrals service for the act; whether it is allowed now is decided there."""
    offered = (*COMMANDS[member.kind], *((MOVE,) if member.kind is Kind.ASSOCIATION else ()))
    if answer.command not in offered or not 0 < len(answer.key) <= KEY_CHARS_MAX:
        raise NotFound
    if not answer.key.isascii() or not answer.key.isprintable():
        raise NotFound
    await desk.command(member, referral_id, answer.command, answer.body, key=answer.key)
