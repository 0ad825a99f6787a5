"""Start one of the test processes with a service's environment, and make sure that it ends with the test."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def process(
    module: str, *arguments: str, dsn: str, bootstrap: str, faults: str = "", **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m module` against this database and broker; killed, if still alive, at the end of the block."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env={
            **os.environ,
            "MAILLAGE_STACK": "test",
            "MAILLAGE_HTTP_PORT": "0",
            "MAILLAGE_DATABASE_DSN": dsn,
            "MAILLAGE_KAFKA_BOOTSTRAP": bootstrap,
            "MAILLAGE_FAULT_POINTS": faults,
            **environment,
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()
