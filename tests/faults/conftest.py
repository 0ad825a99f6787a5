"""Lets the rig be found as `tests.faults`, by tests as by `make faults`."""

from __future__ import annotations

import sys
from pathlib import Path

# `python -m tests.faults` finds the package from the root; pytest's importlib mode adds no path.
sys.path.insert(0, str(Path(__file__).parents[2]))
