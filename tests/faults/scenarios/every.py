"""Every scenario, in the order of the report."""

from __future__ import annotations

from tests.faults.engine import Scenario
from tests.faults.scenarios import bad, callers, consumers, grounds, network, poison, relays, servers, whole


def _place(scenario: Scenario) -> tuple[int, int, str]:
    digits = "".join(sign for sign in scenario.name if sign.isdigit())
    return "RBM".index(scenario.name[0]), int(digits), scenario.name


_MODULES = (relays, consumers, network, servers, callers, grounds, poison, whole, bad)
EVERY: tuple[Scenario, ...] = tuple(sorted((one for module in _MODULES for one in module.SCENARIOS), key=_place))
