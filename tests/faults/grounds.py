"""Servers of a trial's own, for what the shared ones must not suffer: a small disk, a standby, three brokers.

Each gives a rig that differs from the shared one in its servers only.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from tests.faults.brokers import Brokers, three_brokers
from tests.faults.rig import Rig

from maillage.stack.postgres import Postgres, PostgresConfig
from maillage.stack.postgres_software import find
from maillage.testing.databases import DatabaseFactory
from maillage.testing.servers import PostgresServer, ServerProcess, free_ports, start_postgres

DISK_MB = 700
COPY_SECONDS = 60
FILLER = "filler"


def no_loop_disk(_: Rig) -> str | None:
    """Say why no small file system can be mounted here."""
    if os.geteuid() != 0:
        return "a small file system is mounted by root only; run as root to fill a disk"
    if missing := [name for name in ("mkfs.ext4", "mount", "umount") if shutil.which(name) is None]:
        return f"no {', '.join(missing)} here: a disk cannot be filled"
    try:
        with small_disk(8):
            return None
    except (OSError, subprocess.SubprocessError) as error:
        return f"a loop device cannot be mounted here ({type(error).__name__}): a disk cannot be filled"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Mount a file system of this size; unmounted and forgotten with the block."""
    folder = Path(tempfile.mkdtemp(prefix="maillage-disk-"))
    image, mounted = folder / "image", folder / "mounted"
    mounted.mkdir()
    folder.chmod(0o755)
    try:
        with image.open("wb") as file:
            file.truncate(megabytes * 2**20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
        _run("mount", "-o", "loop", str(image), str(mounted))
        try:
            yield mounted
        finally:
            _run("umount", "-l", str(mounted))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(disk: Path, left_bytes: int) -> None:
    """Leave this much room on a disk."""
    free = shutil.disk_usage(disk).free
    with (disk / FILLER).open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), max(1, free - left_bytes))


def empty(disk: Path) -> None:
    """Give the room back."""
    (disk / FILLER).unlink()


@dataclass
class SmallDisk(Rig):
    """A rig whose PostgreSQL lives on a small disk."""

    disk: Path = Path()


@asynccontextmanager
async def on_a_small_disk(rig: Rig) -> AsyncIterator[Rig]:
    """Give a rig whose database is on a disk that can be filled."""
    with small_disk(DISK_MB) as disk:
        postgres = start_postgres(disk, durable=True)
        assert postgres.process is not None
        try:
            yield SmallDisk(
                postgres, rig.kafka, DatabaseFactory(postgres.admin_dsn), rig.nursery, rig.folder, throw_away=True,
                disk=disk,
            )  # fmt: skip
        finally:
            postgres.process.stop()


@dataclass
class Replicated(Rig):
    """A rig whose PostgreSQL has a standby that confirms every commit."""

    standby: ServerProcess | None = None
    standby_dsn: str = ""

    async def fail_over(self) -> int:
        """End the primary at once, promote the standby, and return the standby's port."""
        assert self.postgres.process is not None
        self.postgres.process.kill()
        connection = await asyncpg.connect(self.standby_dsn, timeout=10)
        try:
            assert await connection.fetchval("SELECT pg_promote()")
        finally:
            await connection.close()
        return int(urlsplit(self.standby_dsn).port or 0)


@asynccontextmanager
async def with_a_standby(rig: Rig) -> AsyncIterator[Rig]:
    """Give a rig whose commits are on two servers before anybody is told."""
    folder = rig.new_folder("standby")
    for above in (folder, *folder.parents[:2]):
        above.chmod(0o755)
    first, second = folder / "first", folder / "second"
    for made in (first, second):
        made.mkdir(mode=0o711)
    primary = start_postgres(first, durable=True)
    assert primary.process is not None
    port = free_ports(1)[0]
    standby = ServerProcess(_copy(primary, first, second, port))
    try:
        standby.start()
        dsn = urlsplit(primary.admin_dsn)
        account = dsn.netloc.rpartition("@")[0]
        await _synchronous(primary.admin_dsn)
        yield Replicated(
            primary, rig.kafka, DatabaseFactory(primary.admin_dsn), rig.nursery, rig.folder, throw_away=True,
            standby=standby, standby_dsn=dsn._replace(netloc=f"{account}@127.0.0.1:{port}").geturl(),
        )  # fmt: skip
    finally:
        standby.stop()
        primary.process.stop()


class Standby(Postgres):
    """A server that only reads until it is promoted."""

    async def wait_ready(self, timeout: float) -> str:
        """Return once it answers: what the embedded server sets up at its start came with the copy."""
        async with asyncio.timeout(timeout):
            while True:
                try:
                    connection = await asyncpg.connect(self.admin_dsn, timeout=5)
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.sleep(0.05)
                    continue
                connection.terminate()
                return "standby"


def _copy(primary: PostgresServer, first: Path, second: Path, port: int) -> Standby:
    directory = second / "postgres"
    directory.mkdir(mode=0o711)
    shutil.copy2(first / "postgres" / "password", directory / "password")
    backup = str(find().program("pg_basebackup"))
    _run(backup, "-D", str(directory / "cluster"), "-R", "-X", "stream", "-c", "fast", "-d", primary.admin_dsn)
    (directory / "cluster").chmod(0o700)
    return Standby(PostgresConfig(directory, second / "postgres.log", port))


async def _synchronous(admin_dsn: str) -> None:
    connection = await asyncpg.connect(admin_dsn, timeout=10)
    try:
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await connection.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while not await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"):
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


@dataclass
class ThreeBrokers(Rig):
    """A rig on three brokers, two of which must have a record before it is acknowledged."""

    brokers: Brokers | None = None


@asynccontextmanager
async def on_three_brokers(rig: Rig) -> AsyncIterator[Rig]:
    """Give a rig whose topics have three replicas."""
    with three_brokers(rig.new_folder("brokers")) as brokers:
        yield ThreeBrokers(
            rig.postgres, brokers.server, rig.databases, rig.nursery, rig.folder, replication=3, brokers=brokers
        )


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=COPY_SECONDS)
