"""Run one service: `python -m chassis.serve referrals`.

Refuses to start, with one sentence and exit code 2, when a setting is missing or contradictory.
"""

from __future__ import annotations

import importlib
import sys

import uvicorn

from chassis import faults, logs
from chassis.errors import SettingsRefused
from chassis.runtime import Runtime

GRACEFUL_SHUTDOWN_SECONDS = 1
"""Open long polls and event streams hold the server until then; clients reconnect where they were."""


def main(arguments: list[str]) -> int:
    """Serve the service named by the only argument until SIGTERM; return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m chassis.serve SERVICE (registration, referrals, partners or portal)", file=sys.stderr)  # noqa: T201  # the command line
        return 2
    service = arguments[0]
    logs.configure(service, "INFO")
    try:
        app = importlib.import_module(f"{service}.main").create_app()
    except SettingsRefused as error:
        print(f"{service} cannot start: {error}", file=sys.stderr)  # noqa: T201  # the command line
        return 2
    runtime: Runtime = app.state.runtime
    logs.configure(service, runtime.settings.log_level)
    faults.arm(runtime.settings.fault_points)
    uvicorn.run(
        app,
        host=runtime.settings.http_host,
        port=runtime.settings.http_port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
