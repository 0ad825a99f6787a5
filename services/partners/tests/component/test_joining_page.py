"""The commands of docs/partners/joining.md work as they are printed there, in their order."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from chassis.db import Database

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

PAGE = Path(__file__).parents[4] / "docs" / "partners" / "joining.md"
COMMANDS = dict(re.findall(r"^```sh (\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))


async def run(name: str, **known: str) -> list[Any]:
    """Run a command of the page in a shell that knows these names; return the JSON documents it prints."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", COMMANDS.pop(name), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "no_proxy": "127.0.0.1", **known},
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    found, text, decoder = [], out.decode().strip(), json.JSONDecoder()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


async def test_commands_of_the_page_join_rotate_and_manage(service: Service, db: Database) -> None:
    if shutil.which("curl") is None:
        pytest.skip("PAGE NOT RUN: curl is absent")
    known = {"MAILLAGE": service.url}
    [asked] = await run("ask", **known)
    assert asked["state"] == "unconfirmed"
    headers = {**await service.headers("referrals"), "maillage-purpose": "notice"}
    params = {"id": asked["join_request_id"]}
    mailed = (await service.http.get("/claims/join-requests", params=params, headers=headers)).json()["items"]
    known["LIEN"] = mailed[0]["link"]

    assert (await run("confirm", **known))[0]["state"] == "confirmed"
    await service.call("POST", f"/join-requests/{asked['join_request_id']}/approval", json={"code": "cd77"})
    [state] = await run("state", **known)
    assert (state["state"], state["organisation"]["code"]) == ("approved", "cd77")
    [given] = await run("credentials", **known)
    known |= {"CLIENT_ID": given["client_id"], "CLIENT_SECRET": given["client_secret"]}
    [token] = await run("token", **known)
    known["JETON"] = token["access_token"]
    [sent] = await run("test", **known)
    [feed] = await run("feed", **known)
    assert [event["id"] for event in feed["events"]] == [sent["event_id"]]

    # No broker is asked here: the access is settled as one would have.
    await service.call("PUT", "/organisations/cd77/kafka-access")
    async with db.transaction() as tx:
        await tx.execute("UPDATE kafka_accesses SET state = 'granted', sealed_password = NULL, sealing_key = NULL")
    renewed, access = await run("kafka", **known)
    assert renewed["password"]
    assert (renewed["username"], "password" in access) == (access["username"], False)

    [rotated] = await run("rotate", **known)
    [clients] = await run("clients", **known)
    [client] = clients["items"]
    older = next(one for one in client["secrets"] if one["secret_id"] != rotated["secret_id"])
    assert older["expires_at"] == rotated["expires_at_of_older"]
    assert await run("revoke", **known, SECRET_ID=older["secret_id"]) == []
    assert (await service.token(given["client_id"], given["client_secret"])).status_code == 401
    assert (await service.token(given["client_id"], rotated["client_secret"])).status_code == 200
    made, listed = await run("members", **known)
    assert made["member_id"] in {one["member_id"] for one in listed["items"]}
    assert not COMMANDS, f"commands that this test does not run: {sorted(COMMANDS)}"
