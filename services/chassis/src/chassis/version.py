"""The version that health, telemetry and status report."""

from __future__ import annotations

from importlib.metadata import version as installed_version


def version() -> str:
    """Return the chassis's version, which every service of one release shares."""
    return installed_version("maillage-chassis")
