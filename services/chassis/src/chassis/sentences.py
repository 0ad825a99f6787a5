"""The sentences the chassis says to callers, in French and in English; none of them repeats what was sent.

A service that refuses a field for a reason of its own raises FieldRefused in a pydantic validator: its two sentences
are shown. The text of any other ValueError is not, since nobody promised that it holds no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from starlette.requests import Request


class Said(NamedTuple):
    """One sentence in the languages we speak."""

    fr: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the English for "en", else the French."""
        return self.en if language == "en" else self.fr


class FieldRefused(ValueError):
    """A field is refused; both sentences are shown to whoever sent it, so they hold no value of theirs."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.said = Said(fr, en)


GENERIC: Final = Said("La requête n’a pas pu être traitée.", "The request could not be handled.")

HTTP_TITLES: Final[Mapping[int, tuple[str, Said]]] = {
    400: ("bad_request", Said("La requête est mal formée.", "The request is malformed.")),
    401: ("unauthenticated", Said("Il faut s’identifier.", "Authentication is needed.")),
    403: ("forbidden", Said("Cette action n’est pas permise.", "This action is not allowed.")),
    404: ("not_found", Said("Rien de tel ici.", "There is no such thing here.")),
    405: ("method_not_allowed", Said("Cette adresse n’accepte pas cette méthode.", "Method not allowed here.")),
    406: ("not_acceptable", Said("Ce format n’est pas proposé.", "This format is not offered.")),
    413: ("body_too_large", Said("La requête est trop volumineuse.", "The request is too large.")),
    415: ("unsupported_media_type", Said("Ce type de contenu n’est pas accepté.", "Unsupported content type.")),
    429: ("too_many_requests", Said("Trop de requêtes ; réessayez plus tard.", "Too many requests; come back later.")),
}

_UNKNOWN: Final = Said("Cette valeur n’est pas acceptée.", "This value is not accepted.")

_SENTENCES: Final[Mapping[str, Said]] = {
    "missing": Said("Ce champ est obligatoire.", "This field is required."),
    "extra_forbidden": Said("Ce champ n’existe pas.", "There is no such field."),
    "string_type": Said("Un texte est attendu.", "A text is expected."),
    "string_too_short": Said("Au moins {min_length} caractère(s).", "At least {min_length} character(s)."),
    "string_too_long": Said("Au plus {max_length} caractères.", "At most {max_length} characters."),
    "string_pattern_mismatch": Said("Le format n’est pas celui attendu.", "The format is not the expected one."),
    "string_unicode": Said("Ce texte contient des caractères illisibles.", "This text has unreadable characters."),
    "int_type": Said("Un nombre entier est attendu.", "A whole number is expected."),
    "int_parsing": Said("Un nombre entier est attendu.", "A whole number is expected."),
    "float_type": Said("Un nombre est attendu.", "A number is expected."),
    "float_parsing": Said("Un nombre est attendu.", "A number is expected."),
    "bool_type": Said("Répondez par vrai ou faux.", "True or false is expected."),
    "bool_parsing": Said("Répondez par vrai ou faux.", "True or false is expected."),
    "greater_than_equal": Said("Au moins {ge}.", "At least {ge}."),
    "greater_than": Said("Plus de {gt}.", "More than {gt}."),
    "less_than_equal": Said("Au plus {le}.", "At most {le}."),
    "less_than": Said("Moins de {lt}.", "Less than {lt}."),
    "too_short": Said("Au moins {min_length} élément(s).", "At least {min_length} item(s)."),
    "too_long": Said("Au plus {max_length} élément(s).", "At most {max_length} item(s)."),
    "list_type": Said("Une liste est attendue.", "A list is expected."),
    "tuple_type": Said("Une liste est attendue.", "A list is expected."),
    "model_type": Said("Un objet JSON est attendu.", "A JSON object is expected."),
    "model_attributes_type": Said("Un objet JSON est attendu.", "A JSON object is expected."),
    "dict_type": Said("Un objet JSON est attendu.", "A JSON object is expected."),
    "date_type": Said("Une date AAAA-MM-JJ est attendue.", "A date YYYY-MM-DD is expected."),
    "date_parsing": Said("Une date AAAA-MM-JJ est attendue.", "A date YYYY-MM-DD is expected."),
    "date_from_datetime_parsing": Said("Une date AAAA-MM-JJ est attendue.", "A date YYYY-MM-DD is expected."),
    "date_from_datetime_inexact": Said("Une date AAAA-MM-JJ est attendue.", "A date YYYY-MM-DD is expected."),
    "date_past": Said("Cette date doit être passée.", "This date must be in the past."),
    "date_future": Said("Cette date doit être à venir.", "This date must be in the future."),
    "uuid_type": Said("Un identifiant UUID est attendu.", "A UUID is expected."),
    "uuid_parsing": Said("Un identifiant UUID est attendu.", "A UUID is expected."),
    "enum": Said("Cette valeur n’est pas dans la liste.", "This value is not in the list."),
    "literal_error": Said("Cette valeur n’est pas dans la liste.", "This value is not in the list."),
}


def field_sentence(fault: Mapping[str, Any]) -> Said:
    """Return the sentence for one item of pydantic's `errors()`; limits come from our models, never the input."""
    context: Mapping[str, Any] = fault.get("ctx") or {}
    refused = context.get("error")
    if isinstance(refused, FieldRefused):
        return refused.said
    said = _SENTENCES.get(fault["type"], _UNKNOWN)
    limits = {name: value for name, value in context.items() if isinstance(value, int | float)}
    try:
        return Said(said.fr.format_map(limits), said.en.format_map(limits))
    except KeyError:
        return _UNKNOWN


def preferred_language(request: Request) -> str:
    """Return "en" when the caller prefers English to French, else "fr"."""
    weights = {"fr": 0.0, "en": 0.0}
    for choice in request.headers.get("accept-language", "")[:200].split(","):
        tag, _, quality = choice.strip().partition(";q=")
        primary = tag.split("-")[0].lower()
        if primary in weights:
            weights[primary] = max(weights[primary], _quality(quality))
    return "en" if weights["en"] > weights["fr"] else "fr"


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0) if text else 1.0
    except ValueError:
        return 0.0
