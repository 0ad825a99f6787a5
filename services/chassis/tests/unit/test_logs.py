"""No log line repeats a value, whoever writes it."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from chassis import logs

CANARY = "Zorglub-Canari"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root, hook, factory = logging.getLogger(), sys.excepthook, logging.getLogRecordFactory()
    handlers, level = root.handlers, root.level
    known = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    before = [(each, each.handlers, each.propagate) for each in known]
    yield
    root.handlers = handlers
    root.setLevel(level)
    for each, own, propagate in before:
        each.handlers, each.propagate = own, propagate
    sys.excepthook = hook
    logging.setLogRecordFactory(factory)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    logs.dropped.clear()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    logs.configure("referrals", "INFO")

    def read() -> list[dict[str, Any]]:
        captured = capsys.readouterr()
        assert captured.err == ""
        assert CANARY not in captured.out
        return [json.loads(line) for line in captured.out.splitlines()]

    return read


def test_fields_outside_the_list_are_dropped_and_named_once(lines: Any) -> None:
    log = structlog.get_logger()
    log.info("referral_submitted", referral_id="r1", first_name=CANARY)
    log.info("referral_submitted", referral_id="r2", first_name=CANARY)

    assert [(line["event"], line.get("referral_id"), line.get("field")) for line in lines()] == [
        ("log_field_dropped", None, "first_name"),
        ("referral_submitted", "r1", None),
        ("referral_submitted", "r2", None),
    ]
    assert logs.dropped == {"first_name": 2}


def test_event_that_is_a_sentence_is_withheld(lines: Any) -> None:
    structlog.get_logger().info(f"submitted {CANARY}")

    assert lines()[0]["event"] == "(not a word)"


@pytest.mark.parametrize(
    ("name", "message", "arguments", "shown"),
    [
        ("faststream.access.kafka", f"ValueError: {CANARY}", (), "(withheld)"),
        ("aiokafka.consumer.fetcher", "cannot parse %r", (CANARY,), "cannot parse %r"),
        ("asyncpg", f"{CANARY}", (), "(withheld)"),
        ("asyncio", f"Task exception was never retrieved\nfuture: {CANARY}", (), "Task exception was never retrieved"),
        ("uvicorn.error", "Started server process [%d]", (42,), "Started server process [42]"),
    ],
)
def test_library_lines_lose_their_values(
    lines: Any, name: str, message: str, arguments: tuple[object, ...], shown: str
) -> None:
    logging.getLogger(name).error(message, *arguments)

    (line,) = lines()
    assert (line["event"], line["logger"], line["library"]) == ("library_message", name, shown)


def test_handler_brought_by_a_library_prints_no_value(lines: Any, capsys: pytest.CaptureFixture[str]) -> None:
    brought = logging.StreamHandler(sys.stdout)
    logger = logging.getLogger("brings.its.own")
    logger.addHandler(brought)
    logger.propagate = False
    try:
        raise ValueError(CANARY)
    except ValueError:
        logger.exception("failed on %s", CANARY)
    logger.removeHandler(brought)

    assert capsys.readouterr().out == "failed on %s\n"


def test_exception_leaves_its_type_and_our_frames_only(lines: Any) -> None:
    class Form(BaseModel):
        age: int

    try:
        try:
            Form.model_validate({"age": CANARY})
        except ValidationError as error:
            raise RuntimeError(CANARY) from error
    except RuntimeError as error:
        structlog.get_logger().error("request_failed", exc_info=error)
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
        sys.excepthook(type(error), error, error.__traceback__)

    found = lines()
    assert [line["event"] for line in found] == ["request_failed", "library_message", "process_failed"]
    assert {line["error_type"] for line in found} == {"RuntimeError"}
    assert {line["error_cause"] for line in found} == {"pydantic_core._pydantic_core.ValidationError"}


def test_frames_are_those_of_our_packages() -> None:
    with pytest.raises(KeyError) as caught:
        logs.configure("referrals", "NOPE")

    assert [frame.split(":")[0] for frame in logs.our_frames(caught.value)] == ["chassis.logs"]


def test_warning_of_a_library_loses_its_text(lines: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(CANARY, stacklevel=1)

    assert lines()[0]["logger"] == "py.warnings"


def test_value_that_is_no_plain_type_shows_its_type(lines: Any) -> None:
    structlog.get_logger().info("odd", cause=ValueError(CANARY))

    assert lines()[0]["cause"] == "ValueError"
