"""From what the domain refuses to a problem document; nothing that was sent is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from chassis.problems import FieldError, Problem
from chassis.sentences import Said
from referrals.domain.errors import (
    CommuneMerged,
    CouncilNotJoined,
    IllegalTransition,
    InputRefused,
    NotFound,
    ReferralRefused,
    UnknownCommune,
)

CORRECT: Final = Said("Certains champs sont à corriger.", "Some fields need correcting.")

RULES: Final[Mapping[str, Said]] = {
    "in_the_future": Said("Cette date est dans le futur.", "This date is in the future."),
    "too_long_ago": Said("Cette date est antérieure à 1900.", "This date is before 1900."),
    "missing": Said("Ce champ est obligatoire.", "This field is required."),
    "repeated": Said("Chaque valeur ne se choisit qu’une fois.", "Choose each value once."),
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the domain refuses inside the block into a Problem."""
    try:
        yield
    except ReferralRefused as error:
        raise problem_of(error) from None


def problem_of(error: ReferralRefused) -> Problem:
    """Return the problem document of a refusal."""
    match error:
        case InputRefused():
            return Problem(422, error.code, CORRECT, errors=[FieldError(error.field, RULES[error.rule])])
        case UnknownCommune():
            said = Said(
                "Ce code ne désigne aucune commune (code officiel géographique, pas code postal).",
                "This code names no commune (official geographic code, not a postal code).",
            )
            return Problem(422, error.code, CORRECT, errors=[FieldError("commune", said)])
        case CommuneMerged():
            new = f"{error.successor_name} ({error.successor_code})"
            said = Said(f"Cette commune fait maintenant partie de {new}.", f"This commune is now part of {new}.")
            return Problem(422, error.code, said, errors=[FieldError("commune", said)])
        case CouncilNotJoined():
            return _council_not_joined(error)
        case IllegalTransition():
            return Problem(
                409,
                error.code,
                Said("L’état de l’orientation ne permet plus cela.", "The referral’s status does not allow this."),
                Said("Relisez l’orientation : elle a pu changer.", "Read the referral again: it may have changed."),
            )
        case _:
            return Problem(404, NotFound.code, Said("Rien de tel ici.", "There is no such thing here."))


def _council_not_joined(error: CouncilNotJoined) -> Problem:
    return Problem(
        422,
        error.code,
        Said(
            "La collectivité compétente ne participe pas encore à Maillage.",
            "The council with jurisdiction does not take part in Maillage yet.",
        ),
        Said(
            f"Collectivité compétente : {error.council_name}. Contactez-la directement ; rien n’a été enregistré.",
            f"With jurisdiction: {error.council_name}. Contact it directly; nothing was stored.",
        ),
        errors=[
            FieldError(
                "commune",
                Said("Aucune collectivité ne répond ici pour l’instant.", "No council answers here for now."),
            )
        ],
    )
