"""States of a notice, who may do what, and where it leads: the whole state machine, as one table.

A notice waits, is taken in hand, and ends: told, given to a human, or not sent for a reason. `sending` is between the
transaction that takes it and the one that records what the carrier answered; a process that dies there leaves it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    REQUESTED = "requested"
    HELD = "held"
    """Waits for a decent hour, or for the next day when this one has had enough."""
    SENDING = "sending"
    RETRY = "retry"
    FALLBACK = "fallback"
    """One channel is given up; the next one is tried."""
    SENT = "sent"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    SUPPRESSED = "suppressed"
    SUPERSEDED = "superseded"


class Actor(StrEnum):
    """In what quality somebody acts on a notice."""

    WORKER = "worker"
    """Who takes what is due and hands it to a carrier."""
    CARRIER = "carrier"
    """Who brings it, and sends a receipt."""
    FACT = "fact"
    """An event of another service."""


class Command(StrEnum):
    HOLD = "hold"
    TAKE = "take"
    RELEASE = "release"
    ACCEPT = "accept"
    DEFER = "defer"
    REFUSE = "refuse"
    EXHAUST = "exhaust"
    SUPPRESS = "suppress"
    SUPERSEDE = "supersede"
    DELIVER = "deliver"
    BOUNCE = "bounce"


class Reason(StrEnum):
    """Why a notice is not sent. None of them blames anybody."""

    OPT_OUT = "opt_out"
    DUPLICATE = "duplicate"
    STALE = "stale"
    NO_CHANNEL = "no_channel"
    TOO_MANY = "too_many"
    ERASED = "erased"
    SANDBOX = "sandbox"
    """The person of a referral of the sandbox: nobody."""


ACTORS_OF: Mapping[Command, frozenset[Actor]] = {
    Command.HOLD: frozenset({Actor.WORKER}),
    Command.TAKE: frozenset({Actor.WORKER}),
    Command.RELEASE: frozenset({Actor.WORKER}),
    Command.ACCEPT: frozenset({Actor.WORKER}),
    Command.DEFER: frozenset({Actor.WORKER}),
    Command.REFUSE: frozenset({Actor.WORKER}),
    Command.EXHAUST: frozenset({Actor.WORKER}),
    Command.SUPPRESS: frozenset({Actor.WORKER, Actor.FACT}),
    Command.SUPERSEDE: frozenset({Actor.WORKER, Actor.FACT}),
    Command.DELIVER: frozenset({Actor.CARRIER}),
    Command.BOUNCE: frozenset({Actor.CARRIER}),
}

WAITING = (State.REQUESTED, State.HELD, State.RETRY, State.FALLBACK)
OPEN = (*WAITING, State.SENDING)

_GIVEN_UP = frozenset({State.FALLBACK, State.EXHAUSTED})


def _from(
    states: tuple[State, ...], command: Command, *targets: State
) -> dict[tuple[State, Command], frozenset[State]]:
    return {(state, command): frozenset(targets) for state in states}


TABLE: Mapping[tuple[State, Command], frozenset[State]] = {
    **_from(WAITING, Command.HOLD, State.HELD),
    **_from(WAITING, Command.TAKE, State.SENDING),
    **_from(OPEN, Command.SUPPRESS, State.SUPPRESSED),
    **_from(WAITING, Command.SUPERSEDE, State.SUPERSEDED),
    # In hand: the fact is noted, and counts if the carrier does not take it.
    (State.SENDING, Command.SUPERSEDE): frozenset({State.SENDING}),
    (State.SENDING, Command.RELEASE): frozenset({State.REQUESTED, State.SUPERSEDED}),
    (State.SENDING, Command.ACCEPT): frozenset({State.SENT}),
    (State.SENDING, Command.DEFER): frozenset({State.RETRY, State.SUPERSEDED}) | _GIVEN_UP,
    (State.SENDING, Command.REFUSE): frozenset({State.SUPERSEDED}) | _GIVEN_UP,
    **_from(OPEN, Command.EXHAUST, State.EXHAUSTED),
    (State.SENT, Command.DELIVER): frozenset({State.DELIVERED}),
    (State.SENT, Command.BOUNCE): _GIVEN_UP,
}
"""Where a command may lead from a state; which of several depends on the attempts and channels left. What is not here
is refused."""
