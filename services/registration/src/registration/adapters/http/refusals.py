"""From what the domain refuses to a problem document; nothing that was sent is repeated, and nobody is blamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from chassis.problems import FieldError, Problem
from chassis.sentences import Said
from registration.domain.errors import (
    DateChanged,
    Erased,
    IllegalTransition,
    InputRefused,
    LinkExpired,
    LinkInvalid,
    NotFound,
    OptionGone,
    OutsideTerritory,
    RegistrationRefused,
    TooEarly,
    TooLate,
    WrongParty,
)

CORRECT: Final = Said("Certains champs sont à corriger.", "Some fields need correcting.")
NOTHING: Final = Said("Rien de tel ici.", "There is no such thing here.")
CALL: Final = Said(
    "Rien n’est perdu. Appelez l’organisme qui vous reçoit : tout peut se faire avec vous par téléphone.",
    "Nothing is lost. Call the organisation that receives you: everything can be done with you by telephone.",
)

RULES: Final[Mapping[str, Said]] = {
    "one_to_five": Said("Proposez de une à cinq dates.", "Offer one to five dates."),
    "repeated": Said("Chaque date ne se propose qu’une fois.", "Offer each date once."),
    "in_the_past": Said("Cette date est passée.", "This date is in the past."),
    "too_far_ahead": Said("Cette date est dans plus d’un an.", "This date is more than a year away."),
    "none_by_phone": Said("Un rendez-vous par téléphone n’a pas de lieu.", "A telephone appointment has no place."),
}

REFUSED: Final[Mapping[type[RegistrationRefused], tuple[int, Said, Said | None]]] = {
    NotFound: (404, NOTHING, None),
    OutsideTerritory: (404, NOTHING, None),
    Erased: (410, Said("Ces données ont été effacées.", "This was erased."), None),
    # Not 403, which says everywhere here that the token itself allows too little.
    WrongParty: (
        409,
        Said(
            "Seul l’organisme qui reçoit la personne peut faire cela.",
            "Only the organisation that receives the person can do this.",
        ),
        None,
    ),
    IllegalTransition: (
        409,
        Said(
            "Le rendez-vous a changé : cela n’est plus possible.",
            "The appointment has changed: this is no longer possible.",
        ),
        Said("Relisez le rendez-vous.", "Read the appointment again."),
    ),
    OptionGone: (
        409,
        Said("Cette date n’est plus proposée.", "This date is no longer offered."),
        Said("Choisissez une autre date.", "Choose another date."),
    ),
    DateChanged: (
        409,
        Said("La date du rendez-vous a changé entre-temps.", "The date of the appointment has changed meanwhile."),
        Said("Relisez le rendez-vous.", "Read the appointment again."),
    ),
    TooLate: (409, Said("Le rendez-vous a déjà commencé.", "The appointment has already begun."), None),
    TooEarly: (409, Said("Le rendez-vous n’a pas encore commencé.", "The appointment has not begun yet."), None),
    LinkInvalid: (404, Said("Ce lien ne fonctionne pas.", "This link does not work."), CALL),
    LinkExpired: (410, Said("Ce lien n’est plus valable.", "This link is no longer valid."), CALL),
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the domain refuses inside the block into a Problem."""
    try:
        yield
    except RegistrationRefused as error:
        raise problem_of(error) from None


def problem_of(error: RegistrationRefused) -> Problem:
    """Return the problem document of a refusal."""
    if isinstance(error, InputRefused):
        return Problem(422, error.code, CORRECT, errors=[FieldError(error.field, RULES[error.rule])])
    status, title, detail = REFUSED[type(error)]
    return Problem(status, error.code, title, detail)
