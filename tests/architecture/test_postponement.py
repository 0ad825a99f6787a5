"""Postponing is never held against anybody: the event has nothing to hold, and only those on the list may read it.

Reading is naming the event, in Python or in a file that a service reads (a template); taking every model or every event
of appointments at once is reading it too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage_contracts import POSTPONEMENT_READERS, AppointmentPostponed, Routing, topic_for
from maillage_contracts.appointments import AppointmentEvent

NAME = AppointmentPostponed.__name__
WORDS = "appointment.postponed"
WHOLESALE = frozenset({"MODELS", AppointmentEvent.__name__})
"""What brings the event along without naming it."""

READ_FILES = frozenset({".toml", ".json", ".sql", ".html", ".js", ".txt"})


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes that only tell a reader of the code something."""
    return {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def mentions(tree: ast.Module) -> Iterator[str]:
    """Yield every way in which a module gets hold of the event."""
    told = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "maillage_contracts":
            yield from (one.name for one in node.names if one.name == NAME or one.name in WHOLESALE)
        elif isinstance(node, ast.Attribute) and node.attr == NAME:
            yield NAME
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told:
            yield from (word for word in (WORDS, NAME) if word in node.value)


def readers(product: Any, root: Path) -> dict[str, list[str]]:
    """Return, by service, the files that get hold of the event."""
    found: dict[str, list[str]] = {}
    for source in product:
        top, service, *_ = source.name.split("/")
        if top == "services" and any(mentions(source.tree)):
            found.setdefault(service, []).append(source.name)
    for path in sorted((root / "services").glob("*/src/**/*")):
        if path.suffix in READ_FILES and WORDS in path.read_text("utf-8"):
            found.setdefault(path.relative_to(root).parts[1], []).append(path.relative_to(root).as_posix())
    return found


def test_only_those_on_the_list_read_it_and_everybody_on_it_does(product: Any, root: Path) -> None:
    owner = topic_for(AppointmentPostponed).owner
    found = readers(product, root)

    written = found.pop(owner)
    assert all("/adapters/events" in name for name in written), (
        "its owner writes it in the one mapper, and decides nothing"
    )
    assert set(found) == set(POSTPONEMENT_READERS), found


def test_everybody_on_the_list_says_what_for() -> None:
    assert all(len(purpose.split()) > 3 for purpose in POSTPONEMENT_READERS.values())


def test_it_says_which_date_no_longer_holds_and_has_room_for_nothing_else() -> None:
    base = {"aggregate_version", "appointment_id", "accompaniment_id", "referral_id", "subject_ref", "routing"}

    assert set(AppointmentEvent.model_fields) == base
    assert set(AppointmentPostponed.model_fields) == base | {"previous_starts_at"}
    # Routing is where it belongs: places and organisations, nothing about the person's doings.
    assert set(Routing.model_fields) == {
        "commune",
        "referrer_organisation_id",
        "receiver_organisation_id",
        "sender_kind",
        "employment_organisation_id",
        "training_organisation_id",
    }


@pytest.mark.parametrize(
    "code",
    [
        "from maillage_contracts import AppointmentPostponed",
        "from maillage_contracts.appointments import AppointmentPostponed as P",
        "import maillage_contracts\nmaillage_contracts.AppointmentPostponed",
        "from maillage_contracts import MODELS",
        "from maillage_contracts.appointments import AppointmentEvent",
        "wanted = 'fr.maillage.registration.appointment.postponed.v1'",
        "getattr(contracts, 'AppointmentPostponed')",
    ],
)
def test_every_way_to_it_is_seen(code: str) -> None:
    assert list(mentions(ast.parse(code)))


def test_a_docstring_that_names_it_reads_nothing() -> None:
    assert not list(mentions(ast.parse('"""Never reads AppointmentPostponed (appointment.postponed)."""')))
