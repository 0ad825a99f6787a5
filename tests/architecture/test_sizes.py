"""The hard stops: a file is one idea, a function one thought."""

from __future__ import annotations

from typing import Any

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
MAIN_LINES_MAX = 80


def test_sources_are_found(sources: Any) -> None:
    assert len(sources) > 100, "the rules below would pass on an empty tree"


def test_modules_stay_under_their_hard_stop(sources: Any) -> None:
    long = {s.name: s.text.count("\n") for s in sources if s.text.count("\n") > MODULE_LINES_MAX}
    assert not long


def test_functions_stay_under_their_hard_stop(sources: Any) -> None:
    long = [
        f"{source.name}:{function.lineno} {function.name}"
        for source in sources
        for function in source.functions()
        if (function.end_lineno or 0) - function.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not long


def test_composition_roots_stay_short(product: Any) -> None:
    mains = [s for s in product if s.path.name == "main.py"]
    assert len(mains) >= 4
    assert not {s.name: s.text.count("\n") for s in mains if s.text.count("\n") > MAIN_LINES_MAX}
