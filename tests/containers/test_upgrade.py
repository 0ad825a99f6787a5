"""`make compose-up` and `make compose-down` as a person types them; a new version over the data of the one before."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.containers.composed import IMAGES, SERVICES, TOP, ComposedStack, docker

from maillage.testing.acts import feed, feed_until, of_referral, refer, rows
from maillage.testing.journey import Journey

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(1800), pytest.mark.usefixtures("images")]

CODES = ("asso1", "cd93", "cd94", "ft93", "of93")
NEXT = "0.1.1"
NOWHERE = "registry.invalid/mailpit:v1"
MIGRATION = "9000_next_version.sql"


def next_version(folder: Path) -> Path:
    """Return a copy of this checkout that is one version later: its number, and one more migration of referrals."""
    ignored = shutil.ignore_patterns(".git", ".venv", ".maillage", ".*_cache", ".hypothesis", "__pycache__", "dist")
    checkout = Path(shutil.copytree(TOP, folder / "next", ignore=ignored, symlinks=True))
    for project in (checkout / "services").glob("*/pyproject.toml"):
        now = tomllib.loads(project.read_text("utf-8"))["project"]["version"]
        project.write_text(project.read_text("utf-8").replace(f'version = "{now}"', f'version = "{NEXT}"', 1), "utf-8")
    migrations = next((checkout / "services" / "referrals" / "src").rglob("0001_init.sql")).parent
    (migrations / MIGRATION).write_text("ALTER TABLE referrals ADD COLUMN of_the_next_version int;\n", "utf-8")
    return checkout


@pytest.fixture
def later(tmp_path: Path) -> Iterator[Path]:
    """Return the checkout of the next version; its images are removed at the end."""
    yield next_version(tmp_path)
    docker("image", "rm", "--force", *(f"maillage/{name}:{NEXT}" for name in IMAGES), check=False)


def kept(stack: ComposedStack) -> set[str]:
    """Return the names of the project's volumes."""
    return set(docker("volume", "ls", "--quiet", "--filter", f"name={stack.project}_").stdout.split())


async def test_a_new_version_over_kept_volumes_loses_nothing(later: Path, tmp_path: Path) -> None:
    with ComposedStack.fresh() as stack:
        told = stack.make("compose-up")
        stack.take_credentials()
        assert f"http://127.0.0.1:{stack.ports['PORTAL']}" in told, "it says where to look"
        before = await Journey(stack).play()
        async with stack.client("asso1", "referrals") as association:
            committed = (await refer(association))["referral_id"]
        feeds = {code: await feed(stack, code) for code in CODES}
        notices = "SELECT notice_id, state FROM notices WHERE state = 'sent' ORDER BY 1"
        sent = await rows(stack, "notifications", notices)
        volumes = kept(stack)

        # Over what runs: containers are replaced, whatever was under way.
        stack.make("compose-up", f"VERSION={NEXT}", where=later)

        stack.environment["COMPOSED_VERSION"] = NEXT
        status = json.loads(stack.operator("status", "--json").stdout)
        found = {part["name"]: (part["ready"], part["version"]) for part in status["parts"]}
        assert found == dict.fromkeys(SERVICES, (True, NEXT))
        assert not any(one["migrations_missing"] for one in status["databases"])
        added = "SELECT count(*) AS n FROM referrals WHERE of_the_next_version IS NULL"
        assert (await rows(stack, "referrals", added))[0]["n"] >= 2
        after = {
            "cd93": await feed_until(
                stack, "cd93", lambda events: "registration.person.identified" in of_referral(events, committed)
            )
        } | {code: await feed(stack, code) for code in CODES if code != "cd93"}
        assert {code: events[: len(feeds[code])] for code, events in after.items()} == feeds
        assert [row for row in await rows(stack, "notifications", notices) if row in sent] == sent
        assert await Journey(stack).play(before) == before

        stack.make("compose-down")
        assert docker("ps", "--all", "--quiet", "--filter", f"name={stack.project}").stdout == ""
        assert kept(stack) >= volumes, "the operator's command has made one more"
        # And so where no registry has Mailpit: the rest starts, and the desk takes the e-mails.
        (tmp_path / "nowhere.yml").write_text(f"services: {{mailpit: {{image: '{NOWHERE}'}}}}\n", "utf-8")
        told = stack.make("compose-up", f"VERSION={NEXT}", where=later, over=[tmp_path / "nowhere.yml"])
        assert "Image de Mailpit introuvable" in told
        assert "mailpit" not in docker("ps", "--filter", f"name={stack.project}", "--format", "{{.Names}}").stdout
        again = {code: await feed(stack, code) for code in CODES}
        assert {code: events[: len(after[code])] for code, events in again.items()} == after
        assert await Journey(stack).play(before) == before
