"""A partner that has only a spreadsheet: asks for the file of its events again as soon as the last one has come."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import httpx
from tests.load.arms.wire import Wire, run


async def read_file(http: httpx.AsyncClient) -> list[str]:
    """Return the lines of the file of yesterday and today: midnight may pass meanwhile."""
    today = datetime.now(UTC).date()
    period = {"from": (today - timedelta(days=1)).isoformat(), "to": today.isoformat()}
    answer = await http.get("/feed/export", params={"format": "jsonl", **period})
    return answer.raise_for_status().text.splitlines()


async def main(wire: Wire) -> None:
    """Ask for files until every event was in one, and say when each was first."""
    seen: dict[str, int] = {}
    headers = {"authorization": wire.config["authorization"]}
    async with httpx.AsyncClient(base_url=wire.config["url"], headers=headers, timeout=40, trust_env=False) as http:
        # Lines keep their order, so that what was in the last file is passed over unread.
        read = len(await read_file(http))
        await wire.ready()
        while len(seen) < wire.config["expected"]:
            lines = await read_file(http)
            now = time.monotonic_ns()
            for line in lines[read:]:
                seen[json.loads(line)["id"]] = now
            read = len(lines)
        wire.say(files=seen)


if __name__ == "__main__":
    run(main)
