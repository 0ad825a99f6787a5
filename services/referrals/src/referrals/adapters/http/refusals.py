"""From what the domain refuses to a problem document; nothing that was sent is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from chassis.problems import FieldError, Problem
from chassis.sentences import Said
from referrals.domain.errors import (
    AccompanimentExists,
    AccompanimentTransition,
    CommuneMerged,
    CouncilNotJoined,
    IllegalTransition,
    InputRefused,
    NotFound,
    PersonErased,
    PersonNotIdentified,
    PlanChanged,
    ReferralNotAccepted,
    ReferralRefused,
    SameCommune,
    UnknownCommune,
    UnknownEmploymentService,
)

CORRECT: Final = Said("Certains champs sont à corriger.", "Some fields need correcting.")

RULES: Final[Mapping[str, Said]] = {
    "in_the_future": Said("Cette date est dans le futur.", "This date is in the future."),
    "too_long_ago": Said("Cette date est antérieure à 1900.", "This date is before 1900."),
    "missing": Said("Ce champ est obligatoire.", "This field is required."),
    "not_fake_name": Said(
        "Bac à sable : le nom de famille doit contenir le mot « Exemple » ou « Test ».",
        "Sandbox: the last name must contain the word “Example” or “Test”.",
    ),
    "not_fake_phone": Said(
        "Bac à sable : seuls les numéros réservés à la fiction sont admis, par exemple 06 39 98 12 34.",
        "Sandbox: only numbers kept for fiction are accepted, such as 06 39 98 12 34.",
    ),
    "not_fake_email": Said(
        "Bac à sable : seules les adresses d’exemple sont admises, par exemple camille@example.org.",
        "Sandbox: only example addresses are accepted, such as camille@example.org.",
    ),
    "repeated": Said("Chaque valeur ne se choisit qu’une fois.", "Choose each value once."),
    "too_many": Said("Il y en a trop.", "There are too many."),
    "unknown": Said("Ce plan n’a rien sous cet identifiant.", "The plan has nothing under this id."),
    "only_for_training": Said(
        "Une session ne se choisit que pour une formation.", "Only a training action has a session."
    ),
}

_READ_AGAIN: Final = Said("Relisez l’accompagnement : il a pu changer.", "Read the accompaniment: it may have changed.")

CONFLICTS: Final[Mapping[type[ReferralRefused], tuple[Said, Said]]] = {
    IllegalTransition: (
        Said("L’état de l’orientation ne permet plus cela.", "The referral’s status does not allow this."),
        Said("Relisez l’orientation : elle a pu changer.", "Read the referral again: it may have changed."),
    ),
    SameCommune: (
        Said("La personne vit déjà dans cette commune.", "The person lives in this commune already."),
        Said("Rien n’a changé.", "Nothing has changed."),
    ),
    AccompanimentTransition: (
        Said("L’état de l’accompagnement ne permet pas cela.", "The accompaniment’s status does not allow this."),
        _READ_AGAIN,
    ),
    ReferralNotAccepted: (
        Said("L’orientation n’est pas acceptée.", "The referral is not accepted."),
        Said("Acceptez-la d’abord.", "Accept it first."),
    ),
    PersonNotIdentified: (
        Said("La personne n’est pas encore identifiée.", "The person is not identified yet."),
        Said("Cela prend une seconde ; recommencez.", "It takes a second; try again."),
    ),
    PersonErased: (
        Said("Les données de la personne ont été effacées.", "The person’s data were erased."),
        Said("Plus rien ne peut être écrit à son sujet.", "Nothing more can be written about them."),
    ),
    AccompanimentExists: (
        Said("Un accompagnement global est déjà en cours.", "There is a joint accompaniment already."),
        _READ_AGAIN,
    ),
    PlanChanged: (
        Said("Le plan a été modifié entre-temps.", "The plan was changed meanwhile."),
        Said("Rien n’a été remplacé. Relisez-le, puis recommencez.", "Nothing was replaced. Read it, then try again."),
    ),
}
"""What is not possible now, with what to do about it: all 409."""


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
        case UnknownEmploymentService():
            said = Said(
                "Aucun service de l’emploi de ce code n’intervient là où vit la personne.",
                "No employment service of this code answers where the person lives.",
            )
            return Problem(422, error.code, CORRECT, errors=[FieldError("employment_service", said)])
        case _ if type(error) in CONFLICTS:
            title, detail = CONFLICTS[type(error)]
            later = {"retry-after": "1"} if isinstance(error, PersonNotIdentified) else None
            return Problem(409, error.code, title, detail, headers=later)
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
