"""Rules that a reviewer would otherwise have to remember. Each names the one place where the thing is allowed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b.*\b(FROM|INTO|SET|WHERE|VALUES)\b", re.DOTALL)


def calls(source: Any, *names: str) -> list[str]:
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in names or name.rsplit(".", 1)[-1] in names:
                found.append(f"{source.name}:{node.lineno} {name}")
    return found


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        (("KafkaBroker", "AIOKafkaProducer"), ("services/chassis/src/chassis/kafka.py",)),
        (("broker.publish", "publish_batch", "producer.send"), ()),
        (("datetime.now", "datetime.utcnow", "date.today"), ("services/chassis/src/chassis/clock.py",)),
        (("create_pool",), ("services/chassis/src/chassis/db.py",)),
    ],
    ids=["one place builds brokers", "only the relay sends", "only the clock asks for the time", "one pool"],
)
def test_what_only_one_place_may_call(product: Any, names: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    found = [place for source in product if source.name not in allowed for place in calls(source, *names)]
    # Tools that a person runs (deploy/, tools/) may ask the machine for the time.
    assert not [place for place in found if not place.startswith("deploy/") and "/tools/" not in place]


READ_THE_ENVIRONMENT = {
    "services/chassis/src/chassis/known_settings.py": "looks for names that no part knows",
    "services/chassis/src/chassis/replay.py": "writes what the service then reads",
    "services/chassis/src/chassis/telemetry.py": "OpenTelemetry's own variables",
    "deploy/local/src/maillage/services.py": "hands its own environment on to the services",
    "deploy/local/src/maillage/stack/jars.py": "XDG_CACHE_HOME",
}
"""Everybody else declares settings: only those are in docs/settings.md, explained, bounded and refused when wrong."""


def test_settings_are_declared_and_never_read_elsewhere(product: Any) -> None:
    found = {
        source.name
        for source in product
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    }
    # The samples are a partner's programs.
    read = {name for name in found if not name.startswith("contracts/samples/")}
    assert read == READ_THE_ENVIRONMENT.keys()


def test_sql_is_never_built_from_values(product: Any) -> None:
    # A module's own constant (a list of columns) may stand in it; its name is in capitals.
    built = [
        f"{source.name}:{node.lineno}"
        for source in product
        for node in ast.walk(source.tree)
        if isinstance(node, ast.JoinedStr)
        and any(isinstance(p, ast.FormattedValue) and not ast.unparse(p.value).isupper() for p in node.values)
        and SQL.search("".join(str(p.value) for p in node.values if isinstance(p, ast.Constant)))
    ]
    assert not built


def test_modules_say_what_they_guarantee(product: Any) -> None:
    silent = [s.name for s in product if s.text.strip() and not ast.get_docstring(s.tree)]
    assert not silent


def test_type_ignores_have_a_code_and_a_reason(sources: Any) -> None:
    bare = re.compile(r"#\s*type: ignore(?!\[[a-z-, ]+\]\s+#\s*\S)")
    assert not [s.name for s in sources if bare.search(s.text.replace('r"#\\s*type: ignore', ""))]


def test_no_name_of_a_manager_helper_or_utility(product: Any) -> None:
    poor = re.compile(r"(Manager|Helper|Utils?)$")
    assert not [
        f"{s.name}:{node.lineno} {node.name}"
        for s in product
        for node in ast.walk(s.tree)
        if isinstance(node, ast.ClassDef) and poor.search(node.name)
    ]


def test_adrs_are_numbered_without_gaps_and_say_what_enforces_them(root: Path) -> None:
    records = sorted((root / "docs" / "adr").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text("utf-8")
        for heading in ("## Context", "## Decision", "## Consequences", "## Alternatives", "## Enforced by"):
            assert heading in text, f"{path.name}: {heading}"


def test_imports_keep_their_direction(root: Path) -> None:
    result = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=root, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:]
