"""What the topics alone rebuild here: accompaniments as they were told, and who was erased.

Enrolments are decisions: they depend on the seats that were free at that moment.
"""

from __future__ import annotations

from chassis.projections import Projection, Projections
from maillage_contracts import AccompanimentProposed, PersonErased

PROJECTIONS = Projections(
    tables=(
        Projection(
            "known_accompaniments",
            "SELECT accompaniment_id AS key, * FROM known_accompaniments",
            (AccompanimentProposed, PersonErased),
        ),
        Projection("erased_subjects", "SELECT digest AS key FROM erased_subjects", (PersonErased,)),
    ),
    not_rebuilt={"sessions, enrolments": "what people decided over HTTP, and which seats were free at that moment"},
)
