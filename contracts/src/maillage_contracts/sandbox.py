"""The simulators of the sandbox: communes and organisation codes that always answer in the same way.

Everything here is documented for partners (docs/partners/sandbox.md) and stays as it is within `v1`: new simulators
may be added. The communes are real ones in which nobody lives, so that no referral of a real person names one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIMULATOR_PREFIX: Final = "sim"
"""Codes that begin so are kept for simulators."""


@dataclass(frozen=True, slots=True)
class Simulator:
    """An organisation of the sandbox that a program answers for."""

    code: str
    kind: str
    behaviour: str
    """`accepts`, `declines`, `silent`, `expires` (councils only) or `refers` (associations only)."""
    name: str
    commune: str | None = None
    """Of a council: referrals of the sandbox for this commune are its. An employment service is asked by its code."""


SIMULATORS: Final = (
    Simulator("simaccepte", "council", "accepts", "Département simulé qui accepte", "98411"),
    Simulator("simdecline", "council", "declines", "Département simulé qui décline", "98412"),
    Simulator("simsilence", "council", "silent", "Département simulé qui ne répond pas", "98413"),
    Simulator("simexpire", "council", "expires", "Département simulé dont le délai passe en une minute", "98414"),
    Simulator("simemploioui", "employment_service", "accepts", "Service de l’emploi simulé qui accepte"),
    Simulator("simemploinon", "employment_service", "declines", "Service de l’emploi simulé qui refuse"),
    Simulator("simemploirien", "employment_service", "silent", "Service de l’emploi simulé qui ne répond pas"),
    Simulator("simoriente", "association", "refers", "Association simulée qui oriente"),
)
"""All of them; an installation has them from its first sandbox organisation on."""

REFERS: Final = "simoriente"
"""Refers somebody who does not exist to each council that joins the sandbox."""


def simulator(code: str) -> Simulator | None:
    """Return the simulator of this code."""
    return next((one for one in SIMULATORS if one.code == code), None)
