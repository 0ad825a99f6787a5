"""The simulators of the contract, as organisations to be registered."""

from __future__ import annotations

from maillage_contracts.sandbox import SIMULATORS
from partners.app.organisation_desk import Simulated
from partners.domain.organisation import Kind

SIMULATED = tuple(
    Simulated(one.code, Kind(one.kind), one.name, () if one.commune is None else (one.commune,)) for one in SIMULATORS
)
