"""What the tests of the contracts share: the files in the tree, the tools, and generated events.

Events are generated from the exported schemas, so that a new model is covered the day it is added.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import strategies as st

from maillage_contracts import MODELS, Envelope, Event, envelope_for, schema_for

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("/referrals", "/registration", "/training", "/notifications", "/partners", "/partners/cd93")


def values(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Generate JSON values that a schema of the export allows."""
    if "$ref" in schema:
        return values(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return st.one_of(*(values(branch, definitions) for branch in schema["anyOf"]))
    match schema["type"], schema.get("format"):
        case "null", _:
            return st.none()
        case "boolean", _:
            return st.booleans()
        case "integer", _:
            return st.integers(schema["minimum"], schema["maximum"])
        case "string", "uuid":
            return st.uuids().map(str)
        case "string", "date-time":
            return st.datetimes(datetime(1900, 1, 1), datetime(2300, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
                datetime.isoformat
            )
        case "string", "date":
            return st.dates().map(date.isoformat)
        case "string", None:
            return st.from_regex(schema["pattern"], fullmatch=True).filter(
                lambda text: len(text) <= schema.get("maxLength", len(text))
            )
        case "array", _:
            return st.lists(values(schema["items"], definitions), min_size=schema.get("minItems", 0), max_size=4)
        case "object", _:
            return st.fixed_dictionaries(
                {name: values(member, definitions) for name, member in schema["properties"].items()}
            )
        case other:
            raise AssertionError(f"no generator for {other}")


def _events() -> st.SearchStrategy[Event]:
    def of(model: type[Event]) -> st.SearchStrategy[Event]:
        schema = schema_for(model.event_type)
        return values(schema, schema.get("$defs", {})).map(
            lambda document: model.model_validate_json(json.dumps(document))
        )

    return st.sampled_from(list(MODELS.values())).flatmap(of)


def _published() -> st.SearchStrategy[tuple[Event, Envelope]]:
    trace = st.none() | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", fullmatch=True)
    return st.builds(
        lambda event, **attributes: (event, envelope_for(event, **attributes)),
        _events(),
        id=st.uuids(),
        source=st.sampled_from(SOURCES),
        time=st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
        correlation_id=st.uuids(),
        causation_id=st.none() | st.uuids(),
        traceparent=trace,
    )


PUBLISHED = _published()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def example_files() -> list[Path]:
    return sorted((ROOT / "examples").glob("*/*.json"))


@pytest.fixture(scope="session")
def tool() -> Callable[[str], ModuleType]:
    """Import a module of `contracts/tools`, which is not a package."""

    def load(name: str) -> ModuleType:
        qualified = f"maillage_contracts_tools_{name}"
        if qualified not in sys.modules:
            spec = importlib.util.spec_from_file_location(qualified, ROOT / "tools" / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            sys.modules[qualified] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[qualified])
        return sys.modules[qualified]

    return load


@pytest.fixture(scope="session")
def published() -> st.SearchStrategy[tuple[Event, Envelope]]:
    """Any event of the contracts under an envelope of its own."""
    return PUBLISHED


NODE_MODULES_AT = "MAILLAGE_TEST_NODE_FOLDER"
"""Names a folder that holds `node_modules`; by default `.venv/node`, where `make test` installs what the tests need."""


@pytest.fixture(scope="session")
def node() -> Callable[..., str]:
    """Run a script of `tests/node` with the folder of its packages and other arguments; return what it prints.

    Skips, saying what was not checked, where Node or the packages are absent.
    """
    command = shutil.which("node")
    folder = Path(os.environ.get(NODE_MODULES_AT) or ROOT.parent / ".venv" / "node").absolute()
    if command is None or not (folder / "node_modules" / "@asyncapi" / "parser").is_dir():
        pytest.skip(
            "NOT CHECKED WITH NODE: node or the packages of contracts/tests/node are absent; "
            "install Node 20 and run `make .venv/.stamps/node`"
        )

    def run(script: str, *arguments: str | Path) -> str:
        path = ROOT / "tests" / "node" / script
        done = subprocess.run(
            [command, path, folder, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
