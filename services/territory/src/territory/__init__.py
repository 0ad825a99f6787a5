"""The official geography of France and who has jurisdiction where.

Importing this reads nothing; the first question reads the file (see `load`). Everything returned is
immutable. Codes are those of the official geographic code, never postal codes.
"""

from territory.communes import (
    collectivities,
    collectivity,
    collectivity_of_departement,
    commune,
    communes,
    departement_name,
    epci_name,
    jurisdiction,
    source,
)
from territory.dataset import Source, load
from territory.errors import MergedCommune, TerritoryError, UnknownCollectivity, UnknownCommune
from territory.finding import resolve, search
from territory.model import (
    AmbiguityReason,
    Ambiguous,
    Collectivity,
    CollectivityKind,
    Commune,
    NotFound,
    ProblemReason,
    TerritoryLike,
    TerritoryProblem,
)
from territory.scopes import check_territory, communes_of, covered, covers

__all__ = [
    "AmbiguityReason",
    "Ambiguous",
    "Collectivity",
    "CollectivityKind",
    "Commune",
    "MergedCommune",
    "NotFound",
    "ProblemReason",
    "Source",
    "TerritoryError",
    "TerritoryLike",
    "TerritoryProblem",
    "UnknownCollectivity",
    "UnknownCommune",
    "check_territory",
    "collectivities",
    "collectivity",
    "collectivity_of_departement",
    "commune",
    "communes",
    "communes_of",
    "covered",
    "covers",
    "departement_name",
    "epci_name",
    "jurisdiction",
    "load",
    "resolve",
    "search",
    "source",
]
