"""What the domain refuses, as problem documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.problems import FieldError, Problem
from chassis.sentences import Said
from partners.domain.errors import (
    AddressRefused,
    AlreadyShown,
    BadCursor,
    BadLegalNumber,
    ChallengeFailed,
    ChangedMeanwhile,
    CodeReserved,
    CodeTaken,
    CursorTooOld,
    InvalidTerritory,
    JoinState,
    JurisdictionTaken,
    KafkaAccessBusy,
    KindImmutable,
    LabelTaken,
    LastSecret,
    LinkExpired,
    LinkUnknown,
    NoManagerLeft,
    NotApproved,
    NotFound,
    PartnersError,
    PeriodTooOld,
    Refusal,
    RoleNotAllowed,
    ScopeNotAllowed,
    TooManyRequests,
    TooManySecrets,
    TooManyTestEvents,
    TooManyWebhooks,
    WorldImmutable,
    WrongState,
)

_SAID: dict[type[PartnersError], tuple[int, Said]] = {
    NotFound: (404, Said("Rien de tel ici.", "There is no such thing here.")),
    KindImmutable: (
        409,
        Said("La nature d’une organisation ne change pas.", "An organisation’s kind does not change."),
    ),
    WorldImmutable: (
        409,
        Said(
            "Une organisation ne passe pas du bac à sable au réel, ni l’inverse.",
            "An organisation does not move between the sandbox and the real world.",
        ),
    ),
    CodeReserved: (409, Said("Ce code est réservé à la plateforme.", "This code is reserved for the platform.")),
    JurisdictionTaken: (
        409,
        Said(
            "Un autre département répond déjà pour l’une de ces collectivités.",
            "Another council answers for one of these collectivities already.",
        ),
    ),
    ScopeNotAllowed: (
        422,
        Said("Cette organisation ne peut pas avoir ces droits.", "This organisation cannot have these scopes."),
    ),
    LabelTaken: (
        409,
        Said(
            "Un membre porte déjà ce libellé avec un autre rôle.", "A member has this label already, with another role."
        ),
    ),
    BadCursor: (
        400,
        Said(
            "Ce curseur n’est pas un curseur de ce flux. Repartez du dernier reçu, ou sans curseur.",
            "This cursor is not one of this feed. Start from the last one received, or without one.",
        ),
    ),
    TooManyWebhooks: (
        409,
        Said(
            "Le nombre maximal est atteint : supprimez-en un, ou attendez la fin d’un ancien secret.",
            "There are as many as there may be: delete one, or wait for an old secret to end.",
        ),
    ),
    ChangedMeanwhile: (
        409,
        Said(
            "Quelqu’un l’a changé entre-temps. Relisez, puis recommencez.",
            "Somebody changed it meanwhile. Read it again, then choose again.",
        ),
    ),
    WrongState: (
        409,
        Said("L’état du webhook ne le permet pas.", "The state of the webhook does not allow this."),
    ),
    LinkUnknown: (404, Said("Ce lien n’est pas connu.", "This link is not known.")),
    LinkExpired: (
        410,
        Said("Ce lien n’est plus valable. Faites une nouvelle demande.", "This link has ended. Make a new request."),
    ),
    NotApproved: (409, Said("Cette demande n’est pas encore approuvée.", "This request is not approved yet.")),
    AlreadyShown: (
        410,
        Said(
            "Ces identifiants ont déjà été montrés. Ils ne le sont qu’une fois.",
            "These credentials were shown already. They are shown once.",
        ),
    ),
    JoinState: (
        409,
        Said("L’état de cette demande ne le permet pas.", "The state of this request does not allow this."),
    ),
    TooManyRequests: (
        429,
        Said(
            "Cette adresse a déjà fait plusieurs demandes aujourd’hui.",
            "This address made several requests today already.",
        ),
    ),
    TooManyTestEvents: (
        409,
        Said("Cette demande a eu tous ses événements d’essai.", "This request has had all of its test events."),
    ),
    TooManySecrets: (
        409,
        Said(
            "Deux secrets sont valables : révoquez-en un, ou attendez la fin du plus ancien.",
            "Two secrets are live: revoke one, or wait for the older one to end.",
        ),
    ),
    LastSecret: (
        409,
        Said(
            "C’est le seul secret valable : créez-en un autre d’abord, ou révoquez l’accès entier.",
            "This is the only live secret: make another first, or revoke the whole client.",
        ),
    ),
    KafkaAccessBusy: (
        409,
        Said(
            "Kafka n’a pas encore le dernier mot de passe : redemandez dans quelques secondes.",
            "Kafka does not have the last password yet: ask again in a few seconds.",
        ),
    ),
    NoManagerLeft: (
        409,
        Said(
            "Personne d’autre ne gère les accès. Nommez quelqu’un d’abord.",
            "Nobody else manages access. Name somebody first.",
        ),
    ),
}

_OF_A_FIELD: dict[type[PartnersError], tuple[int, str, Said]] = {
    BadLegalNumber: (
        422,
        "legal_number",
        Said(
            "Indiquez un SIREN (9 chiffres) ou un SIRET (14 chiffres), et vérifiez chaque chiffre.",
            "Give a SIREN (9 digits) or a SIRET (14 digits), and check each digit.",
        ),
    ),
    CodeTaken: (
        409,
        "code",
        Said("Ce code est déjà pris. Choisissez-en un autre.", "This code is taken. Choose another."),
    ),
    RoleNotAllowed: (
        422,
        "role",
        Said("Ce rôle n’existe pas dans cette organisation.", "This organisation has no such role."),
    ),
}
"""Refusals that one field explains."""

TOO_OLD = Said(
    "Une partie des événements demandés a plus de deux ans : ils ne sont plus gardés.",
    "Some of the events asked for are more than two years old: they are no longer kept.",
)
START_AGAIN = Said(
    "Repartez du curseur `oldest` : il précède le plus ancien événement gardé. Ce qui manque ne se relit plus ici.",
    "Start again from the cursor `oldest`: it is before the oldest event kept. What is missing cannot be read here.",
)
PERIOD_FROM = Said(
    "Choisissez une période qui commence au jour `oldest` ou après.",
    "Choose a period that begins on the day `oldest` or later.",
)

ADDRESS_RULES: dict[str, Said] = {
    "url_form": Said("Cette adresse n’est pas une URL absolue simple.", "This is not a plain absolute URL."),
    "url_not_https": Said("L’adresse doit commencer par https://.", "The address must begin with https://."),
    "url_credentials": Said(
        "L’adresse ne doit contenir ni nom ni mot de passe.", "No user or password in the address."
    ),
    "url_port": Said("Ports acceptés : 443 et 8443.", "Accepted ports: 443 and 8443."),
    "url_address": Said("Un nom est attendu, pas une adresse IP.", "A name is expected, not an IP address."),
    "url_host": Said("Ce nom n’est pas celui d’un serveur public.", "This name is not that of a public server."),
}


@asynccontextmanager
async def refusals() -> AsyncIterator[None]:
    """Turn what the domain refuses inside the block into a Problem."""
    try:
        yield
    except InvalidTerritory as error:
        raise Problem(
            422,
            error.code,
            Said("Ce territoire est à corriger.", "This territory needs correcting."),
            errors=[_field(refusal) for refusal in error.refusals],
        ) from None
    except AddressRefused as error:
        raise Problem(
            422,
            error.code,
            Said("Cette adresse ne peut pas recevoir d’événements.", "This address cannot receive events."),
            errors=[FieldError("url", ADDRESS_RULES[error.why])],
        ) from None
    except ChallengeFailed as error:
        seen = error.outcome if error.status is None else f"{error.outcome}, {error.status}"
        raise Problem(
            422,
            error.code,
            Said("L’adresse n’a pas rendu le défi.", "The address did not give the challenge back."),
            Said(f"Constaté : {seen}.", f"Seen: {seen}."),
        ) from None
    except CursorTooOld as error:
        raise Problem(410, error.code, TOO_OLD, START_AGAIN, members={"oldest": error.oldest}) from None
    except PeriodTooOld as error:
        oldest = error.oldest.isoformat()
        raise Problem(410, error.code, TOO_OLD, PERIOD_FROM, members={"oldest": oldest}) from None
    except PartnersError as error:
        if type(error) in _OF_A_FIELD:
            status, field, title = _OF_A_FIELD[type(error)]
            raise Problem(status, error.code, title, errors=[FieldError(field, title)]) from None
        status, title = _SAID[type(error)]
        raise Problem(status, error.code, title) from None


def _field(refusal: Refusal) -> FieldError:
    field = f"territory.{refusal.field}[{refusal.index}]"
    if refusal.successor is None:
        return FieldError(field, Said("Ce code n’existe pas.", "There is no such code."))
    return FieldError(
        field,
        Said(
            f"Cette commune fait désormais partie de {refusal.successor}.",
            f"This commune is now part of {refusal.successor}.",
        ),
    )
