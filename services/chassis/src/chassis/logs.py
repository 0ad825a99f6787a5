"""JSON lines on stdout that hold nothing about a person.

Our own lines keep the fields of a list; what is not in it is dropped and named once, and an event is a word, not a
sentence. Lines of libraries lose their values where they are made, so that a handler a library brings prints none
either: their messages may quote a payload. Of an exception only its type and our own frames are written, since the text
of a pydantic, asyncpg or FastStream error repeats what it read.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final
from uuid import UUID

import structlog
from opentelemetry import trace

from chassis.clock import SystemClock

FIELDS: Final = frozenset(
    {
        "logger", "correlation_id", "causation_id", "event_id", "event_type", "error_type", "error_cause", "frames",
        "incident", "cause", "code",
        "status", "method",
        "route", "consumer", "group", "topic", "topics", "partition", "offset", "position", "attempt", "attempts",
        "failures", "count", "rows", "seconds", "lag_seconds", "age_seconds", "kind", "state", "outcome", "reason",
        "dependency", "field", "fields", "letter_id", "referral_id", "subject_ref", "organisation_id",
        "organisation_code", "client_id", "record_id", "record_kind", "purpose", "port", "host", "version", "where",
        "library", "aggregate_id", "fault_point", "signal",
    }
)  # fmt: skip
"""Ids, codes, counts, durations and fixed words. Never a name, contact, date of birth, free text or secret."""

VALUE_CHARACTERS_MAX = 500
FRAMES_MAX = 12

_OUR_PACKAGES: Final = (
    "chassis", "maillage_contracts", "territory", "registration", "referrals", "partners", "training",
    "notifications", "portal", "maillage",
)  # fmt: skip

_SPEAKS_OF_ITSELF: Final = ("uvicorn",)
"""Loggers whose arguments are addresses, ports and process ids."""

_CLOCK: Final = SystemClock()
_WORD: Final = re.compile(r"[a-z0-9_.]{1,60}")

dropped: dict[str, int] = {}
"""How often each unknown field was dropped; its first time is a line of its own."""


def configure(service: str, level: str) -> None:
    """Send this process's lines, libraries' included, to stdout as JSON; may be called again to change the level."""
    threshold = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _Line(service),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: _Stdout(),
        cache_logger_on_first_use=False,
    )
    logging.setLogRecordFactory(_record_without_values)
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    # Libraries tell their life story at INFO; uvicorn's start and stop are worth a line.
    root.setLevel(max(threshold, logging.WARNING))
    for known in logging.root.manager.loggerDict.values():
        if isinstance(known, logging.Logger):
            known.handlers, known.propagate = [], True
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(threshold)
    logging.captureWarnings(True)
    sys.excepthook = _last_words
    threading.excepthook = lambda told: _last_words(
        told.exc_type, told.exc_value or told.exc_type(), told.exc_traceback
    )
    sys.unraisablehook = _unraisable


def _thread_ended(told: threading.ExceptHookArgs) -> None:
    _last_words(told.exc_type, told.exc_value or told.exc_type(), told.exc_traceback)


def _unraisable(told: sys.UnraisableHookArgs) -> None:
    """Log the type of what a destructor could not raise; Python's own line prints its text."""
    structlog.get_logger(__name__).warning("unraisable", error_type=told.exc_type.__name__)


def _last_words(kind: type[BaseException], error: BaseException, trail: TracebackType | None) -> None:
    """Log what ends the process, instead of Python's traceback, which prints the error's text."""
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger(__name__).critical("process_failed", exc_info=(kind, error, trail))


class _Stdout:
    """Writes each line at once, to whatever stdout is then."""

    def msg(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    debug = info = warning = error = critical = log = msg


class _Line:
    """The last processor: allow-list, trace, exception, JSON."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: Any, method: str, fields: MutableMapping[str, Any]) -> str:
        error = fields.pop("exc_info", None)
        line: dict[str, Any] = {
            "time": _CLOCK.now().isoformat(timespec="milliseconds"),
            "level": fields.pop("level", method),
            "service": self._service,
            "event": _word(fields.pop("event", "")),
        }
        line |= _allowed(fields) | _trace_ids() | _error_fields(error)
        return json.dumps(line, ensure_ascii=False, default=_plain)


class _LibraryHandler(logging.Handler):
    """Turns a library's record into a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "error_fields", {})
        structlog.get_logger().log(
            record.levelno,
            "library_message",
            logger=record.name,
            library=record.getMessage(),
            where=f"{record.module}:{record.lineno}",
            **fields,
        )


def _record_without_values(*args: Any, **options: Any) -> logging.LogRecord:
    record = logging.LogRecord(*args, **options)
    record.error_fields = _error_fields(record.exc_info)
    record.msg, record.args = _safe_message(record), ()
    record.exc_info = record.exc_text = record.stack_info = None
    return record


def _safe_message(record: logging.LogRecord) -> str:
    template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    if record.name.split(".")[0] in _SPEAKS_OF_ITSELF:
        return record.getMessage() if record.exc_info is None else template.strip()
    if record.name == "asyncio":
        # Its later lines show the task and its exception.
        return template.split("\n", 1)[0]
    # Without arguments the values may already be in the text (FastStream writes f"{type}: {error}").
    return template if record.args else "(withheld)"


def _word(event: object) -> str:
    return event if isinstance(event, str) and _WORD.fullmatch(event) else "(not a word)"


def _allowed(fields: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in fields.items():
        if name in FIELDS:
            kept[name] = value[:VALUE_CHARACTERS_MAX] if isinstance(value, str) else value
        else:
            dropped[name] = dropped.get(name, 0) + 1
            if dropped[name] == 1:
                structlog.get_logger(__name__).warning("log_field_dropped", field=name)
    return kept


def _trace_ids() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _error_fields(exc_info: Any) -> dict[str, Any]:
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if error is True:
        error = sys.exc_info()[1]
    if not isinstance(error, BaseException):
        return {}
    found: dict[str, Any] = {"error_type": _type_name(error), "frames": our_frames(error)}
    if error.__cause__ is not None:
        found["error_cause"] = _type_name(error.__cause__)
    return found


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def our_frames(error: BaseException) -> list[str]:
    """Return `module:line` of the frames in our packages, innermost last; never a value."""
    frames = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.split(".")[0] in _OUR_PACKAGES:
            frames.append(f"{module}:{line}")
    return frames[-FRAMES_MAX:]


def _plain(value: object) -> str:
    # Anything but ids and the JSON types would be an object whose text nobody has checked.
    return str(value) if isinstance(value, UUID | datetime) else type(value).__name__
