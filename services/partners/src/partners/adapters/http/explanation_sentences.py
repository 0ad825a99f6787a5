"""The sentences of explanations, in French and English: one for each stable code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chassis.sentences import Said
from partners.domain.explanation import Fate, Outcome
from partners.domain.organisation import Kind

OUTCOMES: Final[Mapping[Outcome, Said]] = {
    Outcome.RECEIVED: Said(
        "Cet événement est sur votre flux, à la place indiquée.",
        "This event is on your stream, at the place given.",
    ),
    Outcome.BEFORE_SCOPE: Said(
        "Cet événement est dans votre périmètre d’aujourd’hui, mais il date d’avant votre arrivée ou l’extension de"
        " votre territoire. Votre flux dit où en était le dossier à ce moment-là.",
        "This event is in your scope as it is today, but dates from before you joined or your territory grew. Your"
        " stream says how things stood at that moment.",
    ),
    Outcome.TYPE_WITHHELD: Said(
        "Les événements de ce type ne sont pas transmis à une organisation de cette nature.",
        "Events of this type are not passed on to an organisation of this kind.",
    ),
    Outcome.EVENT_TYPES: Said(
        "L’organisation ne demande pas les événements de ce type : sa liste de types est dans ses réglages.",
        "The organisation does not ask for events of this type: its list of types is in its settings.",
    ),
    Outcome.OUTSIDE_TERRITORY: Said(
        "La commune de l’événement n’est pas dans le territoire de l’organisation.",
        "The event’s commune is not in the organisation’s territory.",
    ),
    Outcome.OTHER_WORLD: Said(
        "L’événement est du bac à sable et l’organisation n’en est pas, ou l’inverse : les deux n’ont rien en commun.",
        "The event is of the sandbox and the organisation is not, or the reverse: the two have nothing in common.",
    ),
    Outcome.ENTERED: Said(
        "Par cet événement, la personne vient vivre dans le territoire de l’organisation : un `stream.snapshot` le"
        " dit à sa place.",
        "By this event the person comes to live in the organisation’s territory: a `stream.snapshot` says so in its"
        " stead.",
    ),
    Outcome.NOT_NAMED: Said(
        "L’événement ne nomme pas l’organisation dans son rôle : il concerne d’autres organisations.",
        "The event does not name the organisation in its role: it concerns others.",
    ),
    Outcome.PERSON_ERASED: Said(
        "Les données de la personne ont été effacées : plus rien n’est transmis à son sujet.",
        "The person’s data were erased: nothing is passed on about them any more.",
    ),
    Outcome.PERSON_UNTOLD: Said(
        "C’est l’effacement d’une personne dont l’organisation n’a jamais reçu d’événement.",
        "This is the erasure of a person of whom the organisation never received an event.",
    ),
    Outcome.OTHER_STREAM: Said(
        "Cet événement a été fait pour le flux d’une seule autre organisation.",
        "This event was made for the stream of one other organisation.",
    ),
    Outcome.NOT_YET: Said(
        "Nous ne connaissons pas d’événement de cet identifiant qui vous concerne. L’identifiant a moins d’une"
        " minute : redemandez dans un instant.",
        "We know of no event with this id that concerns you. The id is less than a minute old: ask again in a moment.",
    ),
    Outcome.UNKNOWN: Said(
        "Nous ne connaissons pas d’événement de cet identifiant qui vous concerne.",
        "We know of no event with this id that concerns you.",
    ),
}
"""To the organisation itself; an operator reads TO_OPERATORS first."""

TO_OPERATORS: Final[Mapping[Outcome, Said]] = {
    Outcome.RECEIVED: Said(
        "Cet événement est sur le flux de l’organisation, à la place indiquée.",
        "This event is on the organisation’s stream, at the place given.",
    ),
    Outcome.BEFORE_SCOPE: Said(
        "Cet événement est dans le périmètre d’aujourd’hui, mais il date d’avant l’arrivée de l’organisation ou"
        " l’extension de son territoire.",
        "This event is in the scope of today, but dates from before the organisation joined or its territory grew.",
    ),
    Outcome.NOT_YET: Said(
        "Aucun flux ne contient cet événement. L’identifiant a moins d’une minute : redemandez dans un instant.",
        "No stream holds this event. The id is less than a minute old: ask again in a moment.",
    ),
    Outcome.UNKNOWN: Said(
        "Aucun flux ne contient cet événement : il n’existe pas, il n’est pas encore projeté, ou il ne concerne"
        " aucune organisation.",
        "No stream holds this event: it does not exist, is not projected yet, or concerns no organisation.",
    ),
}

FATES: Final[Mapping[Fate, Said]] = {
    Fate.DELIVERED: Said("Le webhook l’a accepté.", "The webhook accepted it."),
    Fate.FILTERED: Said(
        "Le webhook ne demande pas ce type : l’événement est sur le flux seulement.",
        "The webhook does not ask for this type: the event is on the feed only.",
    ),
    Fate.WAITING: Said(
        "L’événement attend d’être livré, ou de l’être à nouveau : le journal des livraisons dit quand.",
        "The event waits to be delivered, or tried again: the delivery log says when.",
    ),
    Fate.PENDING: Said(
        "L’adresse du webhook n’a pas encore été vérifiée.", "The webhook’s address has not been verified yet."
    ),
    Fate.PAUSED: Said(
        "Le webhook est en pause : l’événement sera livré à la reprise.",
        "The webhook is paused: the event will be delivered when it resumes.",
    ),
    Fate.DISABLED: Said(
        "Le webhook a été désactivé : l’événement sera livré à la reprise.",
        "The webhook was disabled: the event will be delivered when it resumes.",
    ),
    Fate.WITHDRAWN: Said(
        "Les données de la personne ont été effacées avant que le webhook ne l’accepte : il ne lui sera plus envoyé.",
        "The person’s data were erased before the webhook accepted it: it will not be sent to it any more.",
    ),
    Fate.PASSED: Said(
        "Le webhook a commencé après cet événement, ou l’a accepté il y a plus de 14 jours.",
        "The webhook began after this event, or accepted it more than 14 days ago.",
    ),
}

LEFT_SCOPE: Final = Said(
    "Depuis, ce dossier a quitté votre périmètre : effacez ce que vous en détenez.",
    "Since then this case has left your scope: erase what you hold of it.",
)
SINCE_ERASED: Final = Said(
    "Depuis, les données de la personne ont été effacées : effacez ce que vous en détenez.",
    "Since then the person’s data were erased: erase what you hold.",
)

RULES: Final[Mapping[Kind, Said]] = {
    Kind.COUNCIL: Said(
        "Un département reçoit ce qui concerne une personne d’une commune de son territoire.",
        "A council receives what concerns a person of a commune in its territory.",
    ),
    Kind.ASSOCIATION: Said(
        "Une association reçoit les étapes de ses propres orientations.",
        "An association receives the steps of its own referrals.",
    ),
    Kind.EMPLOYMENT_SERVICE: Said(
        "Un service de l’emploi reçoit ce qui le nomme.", "An employment service receives what names it."
    ),
    Kind.TRAINING_PROVIDER: Said(
        "Un organisme de formation reçoit les inscriptions à ses sessions.",
        "A training provider receives the enrolments in its sessions.",
    ),
}
