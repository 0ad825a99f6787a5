"""Run the desk: `python -m maillage.desk`, started and stopped by the `maillage` command."""

from __future__ import annotations

import logging

import uvicorn

from chassis.errors import SettingsRefused
from chassis.version import version
from maillage.desk.app import create_app, open_desk
from maillage.desk.settings import DeskSettings

STOP_SECONDS = 1


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = DeskSettings.from_environment()
    except SettingsRefused as error:
        raise SystemExit(f"desk cannot start: {error}") from None
    uvicorn.run(
        create_app(open_desk(settings), version()),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


if __name__ == "__main__":
    main()
