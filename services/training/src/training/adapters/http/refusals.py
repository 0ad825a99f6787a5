"""From what the domain refuses to a problem document; nothing that was sent is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from chassis.problems import FieldError, Problem
from chassis.sentences import Said
from training.domain.errors import (
    AccompanimentNotActive,
    CommuneMerged,
    IllegalTransition,
    InputRefused,
    NoSeatFree,
    NotDue,
    NotFound,
    NotStarted,
    OfferOver,
    SessionStarted,
    TrainingRefused,
    UnknownCommune,
    UnknownSession,
    WrongParty,
)

CORRECT: Final = Said("Certains champs sont à corriger.", "Some fields need correcting.")

RULES: Final[Mapping[str, Said]] = {
    "not_in_the_future": Said("Cette date est passée.", "This date has passed."),
    "too_far": Said("Cette date est dans plus de trois ans.", "This date is more than three years from now."),
}

_READ_AGAIN: Final = Said(
    "Relisez l’inscription : elle a pu changer.", "Read the enrolment again: it may have changed."
)

CONFLICTS: Final[Mapping[type[TrainingRefused], tuple[Said, Said]]] = {
    IllegalTransition: (
        Said("L’état actuel ne permet pas cela.", "The present status does not allow this."),
        _READ_AGAIN,
    ),
    NoSeatFree: (Said("Il n’y a plus de place.", "There is no seat left."), _READ_AGAIN),
    NotDue: (Said("La place est encore proposée.", "The seat is still offered."), _READ_AGAIN),
    OfferOver: (
        Said(
            "La place était gardée jusqu’à une date qui est passée.", "The seat was kept until a time that has passed."
        ),
        Said("Elle est proposée à la personne suivante.", "It is offered to the next person."),
    ),
    NotStarted: (
        Said("La session n’a pas encore commencé.", "The session has not begun yet."),
        Said("Revenez à partir de son début.", "Come back once it has."),
    ),
    SessionStarted: (
        Said("La session a commencé.", "The session has begun."),
        Said(
            "Elle ne peut plus être annulée : des personnes y participent.",
            "It cannot be cancelled any more: people attend it.",
        ),
    ),
    AccompanimentNotActive: (
        Said("L’accompagnement global n’est pas en cours.", "The joint accompaniment is not active."),
        Said(
            "Une place se demande pendant l’accompagnement, une fois que les deux organisations ont accepté.",
            "Seats are asked for while it lasts, once both organisations have agreed.",
        ),
    ),
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the domain refuses inside the block into a Problem."""
    try:
        yield
    except TrainingRefused as error:
        raise problem_of(error) from None


def problem_of(error: TrainingRefused) -> Problem:
    """Return the problem document of a refusal."""
    match error:
        case InputRefused():
            return _field(error.code, error.field, RULES[error.rule])
        case UnknownCommune():
            said = Said(
                "Ce code ne désigne aucune commune (code officiel géographique, pas code postal).",
                "This code names no commune (official geographic code, not a postal code).",
            )
            return _field(error.code, "commune", said)
        case CommuneMerged():
            new = f"{error.successor_name} ({error.successor_code})"
            said = Said(f"Cette commune fait maintenant partie de {new}.", f"This commune is now part of {new}.")
            return _field(error.code, "commune", said)
        case UnknownSession():
            return _field(error.code, "session_id", Said("Cette session n’existe pas.", "There is no such session."))
        case WrongParty():
            # 403 means the token.
            return Problem(
                409,
                error.code,
                Said("Cela revient à une autre des organisations concernées.", "This is for another organisation."),
            )
        case _ if type(error) in CONFLICTS:
            title, detail = CONFLICTS[type(error)]
            return Problem(409, error.code, title, detail)
        case _:
            return Problem(404, NotFound.code, Said("Rien de tel ici.", "There is no such thing here."))


def _field(code: str, field: str, said: Said) -> Problem:
    return Problem(422, code, CORRECT, errors=[FieldError(field, said)])
