"""Refuse a setting that no part of Maillage knows: a misspelt name would otherwise leave a default in force unseen.

The names of every part's settings travel with the chassis (known_settings.txt, written by `make settings`), because
parts share one environment (compose, a supervisor) and a service does not have the others' code.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from chassis.errors import SettingsRefused

PREFIX = "MAILLAGE_"
TESTS_PREFIX = "MAILLAGE_TEST_"
"""What tests and their programs read; no part does."""

NAME_CHARACTERS_MAX = 80
"""Of an unknown name that is repeated in an answer."""

_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$")
"""Kubernetes writes these into every container for each Service of the namespace, `maillage-portal` included."""


@cache
def known_names() -> frozenset[str]:
    """Return the names of all settings of all parts."""
    text = files("chassis").joinpath("known_settings.txt").read_text(encoding="ascii")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def unknown_names(environment: Mapping[str, str], own: Iterable[str] = ()) -> list[str]:
    """Return what has our prefix and is known to no part; `own` are names that the asking part reads besides."""
    known = known_names().union(own)
    return sorted(
        name
        for name, value in environment.items()
        if (upper := name.upper()).startswith(PREFIX)
        and not upper.startswith(TESTS_PREFIX)
        and upper not in known
        and not _SERVICE_LINK.search(upper)
        and not (upper.endswith("_PORT") and value.startswith(("tcp://", "udp://")))
    )


def nearest(name: str, own: Iterable[str] = ()) -> str | None:
    """Return the known name that somebody who wrote `name` most likely meant."""
    close = difflib.get_close_matches(name.upper(), sorted(known_names().union(own)), n=1, cutoff=0.8)
    return close[0] if close else None


def refuse_unknown(own: Iterable[str] = (), environment: Mapping[str, str] | None = None) -> None:
    """Raise SettingsRefused naming every setting of this process's environment that is known to no part."""
    own = frozenset(own)
    found = unknown_names(os.environ if environment is None else environment, own)
    if not found:
        return
    told = "; ".join(_told(name, nearest(name, own)) for name in found)
    raise SettingsRefused(f"{told}; docs/settings.md lists those that exist")


def _told(name: str, meant: str | None) -> str:
    return f"{name[:NAME_CHARACTERS_MAX]} is no setting of Maillage" + (f" (did you mean {meant}?)" if meant else "")
