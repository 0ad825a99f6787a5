"""The project's own Python sources, parsed once, as fixtures."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TREES = ("contracts", "services", "deploy", "tests")


@dataclass(frozen=True)
class Source:
    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def is_test(self) -> bool:
        return "/tests/" in f"/{self.name}" or "/testing/" in self.name

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node


def read_sources() -> list[Source]:
    found = []
    for top in TREES:
        for path in sorted((ROOT / top).rglob("*.py")):
            text = path.read_text("utf-8")
            found.append(Source(path, text, ast.parse(text)))
    return found


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Every Python source of the project."""
    return read_sources()


@pytest.fixture(scope="session")
def product(sources: list[Source]) -> list[Source]:
    """The sources that ship, without tests and their fixtures."""
    return [source for source in sources if not source.is_test]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
