"""The embedded PostgreSQL: durable over kill -9, silent about people, one role per database."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT

import asyncpg
import pytest

from maillage.stack import accounts
from maillage.stack.errors import StackError
from maillage.stack.postgres import Postgres, PostgresConfig
from maillage.testing.servers import ServerProcess, free_ports, new_folder

CANARIES = ("camille.exemple@example.org", "Exemple-Nom-Canari", "1987-13-45-canari")


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = new_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def config(folder: Path) -> PostgresConfig:
    return PostgresConfig(folder / "postgres", folder / "postgres.log", free_ports(1)[0])


@pytest.fixture
def server(config: PostgresConfig) -> Iterator[ServerProcess]:
    process = ServerProcess(Postgres(config))
    yield process
    process.stop()


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_committed_rows_survive_kill_9(config: PostgresConfig, server: ServerProcess) -> None:
    assert server.start().startswith("18.")
    dsn = Postgres(config).admin_dsn
    await execute(dsn, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")

    server.kill()
    assert (config.directory / "cluster" / "postmaster.pid").exists()
    server.start()

    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT n FROM kept") == 7
    assert await connection.fetchval("SHOW fsync") == "on"
    assert await connection.fetchval("SHOW data_checksums") == "on"
    assert await connection.fetchval("SELECT datlocale FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"
    await connection.close()


async def test_a_stale_lock_naming_a_living_process_does_not_stop_the_start(
    config: PostgresConfig, server: ServerProcess
) -> None:
    server.start()
    server.kill()
    lock = config.directory / "cluster" / "postmaster.pid"
    # As after a reboot, when another process of the same account has the old pid.
    account = None if os.geteuid() else accounts.NOBODY
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=account, cwd="/") as stranger:
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        server.start()
        assert stranger.stdin is not None
        stranger.stdin.close()


async def test_a_second_server_on_the_same_data_is_refused(
    config: PostgresConfig, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    monkeypatch.setattr("maillage.stack.postgres_data.ORPHAN_SECONDS", 0)

    with pytest.raises(StackError, match=f"process {server.pid}"):
        Postgres(config).prepare(print)

    assert (config.directory / "cluster" / "postmaster.pid").exists()


async def test_no_personal_data_reach_the_log(config: PostgresConfig, server: ServerProcess) -> None:
    server.start()
    email, name, date = CANARIES
    dsn = Postgres(config).admin_dsn
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "CREATE TABLE people (email text PRIMARY KEY, name text CHECK (length(name) < 9), born date)"
    )
    await connection.execute("INSERT INTO people VALUES ($1)", email)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("INSERT INTO people VALUES ($1)", email)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("INSERT INTO people VALUES ('x', $1)", name)
    with pytest.raises(asyncpg.InvalidDatetimeFormatError):
        await connection.execute("INSERT INTO people VALUES ('y', 'y', $1::text::date)", date)
    with pytest.raises(asyncpg.RaiseError):
        await connection.execute(
            "DO $$ BEGIN RAISE WARNING 'camille.exemple@example.org'; RAISE 'Exemple-Nom-Canari'; END $$"
        )
    with pytest.raises(asyncpg.QueryCanceledError):
        await connection.execute("SET statement_timeout = 50; SELECT pg_sleep(5), 'Exemple-Nom-Canari'")
    await connection.close()
    server.kill()

    log = config.log_file.read_text()
    assert "ready to accept connections" in log
    assert not [canary for canary in CANARIES if canary in log]


async def test_each_role_enters_its_own_database_only(config: PostgresConfig, server: ServerProcess) -> None:
    server.start()
    postgres = Postgres(config)
    password = "p@ss/w:rd"
    mine, theirs = await asyncio.gather(
        postgres.ensure_database("referrals", "referrals", password),
        postgres.ensure_database("partners", "partners", password),
    )
    assert await postgres.ensure_database("referrals", "referrals", password) == mine

    await execute(mine, "SELECT 1")
    for database in ("partners", "postgres"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(mine.rpartition("/")[0] + "/" + database, "SELECT 1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(theirs, "CREATE TABLE public.mine (n int)")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await execute(mine.replace("p%40ss", "wrong"), "SELECT 1")
    with pytest.raises(ValueError, match="lower-case"):
        await postgres.ensure_database('x"; --', "x", password)


def test_data_of_another_major_version_are_refused(config: PostgresConfig) -> None:
    postgres = Postgres(config)
    postgres.prepare(print)
    (postgres.cluster / "PG_VERSION").write_text("17\n")

    with pytest.raises(StackError, match=r"PostgreSQL 17.*MAILLAGE_DATA_DIR"):
        postgres.prepare(print)


def test_an_interrupted_creation_leaves_nothing_behind(config: PostgresConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = subprocess.CompletedProcess([], 1, "initdb: error: could not write: No space left on device")
    choice = accounts.candidates()[0]
    monkeypatch.setattr(accounts, "choose", lambda *_: (choice, False))
    with monkeypatch.context() as broken:
        broken.setattr(accounts.Account, "run", lambda *_, **__: killed)
        with pytest.raises(StackError, match="full"):
            Postgres(config).prepare(print)
    assert [path.name for path in config.directory.iterdir()] == ["password"]

    Postgres(config).prepare(print)

    assert (config.directory / "cluster" / "PG_VERSION").exists()
    assert (config.directory / "password").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root lends an account")
@pytest.mark.parametrize("private", ["data", "programs"])
def test_root_in_a_private_home_still_starts(private: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(tempfile.mkdtemp(dir=folder))
    assert home.stat().st_mode & 0o777 == 0o700
    if private == "data" and not accounts.NAMESPACE.can("true"):
        pytest.skip("NOT RUN: this kernel forbids user namespaces")
    config = PostgresConfig(
        (home if private == "data" else folder) / "postgres", folder / "postgres.log", free_ports(1)[0], durable=False
    )
    if private == "programs":
        hide_programs(home, monkeypatch)
    postgres = Postgres(config)
    process = ServerProcess(postgres)
    try:
        assert process.start().startswith("18.")
        command = postgres.command()
        expected = "unshare" if private == "data" else str(config.directory)
        assert command.argv[0].startswith(expected)
        assert process.pid is not None
        os.kill(process.pid, SIGINT)
    finally:
        process.stop()


def hide_programs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maillage.stack import postgres_software

    hidden = postgres_software.find().copied_to(home / "site-packages")
    monkeypatch.setattr(postgres_software, "find", lambda: hidden)


def test_the_server_ends_with_the_test_process(folder: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from maillage.testing.servers import start_postgres\n"
        "server = start_postgres(pathlib.Path(sys.argv[1]))\n"
        "print(server.process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii"
    ) as session:
        assert session.stdout is not None
        pid = int(session.stdout.readline())
        ending = os.pidfd_open(pid)
        os.kill(session.pid, signal.SIGKILL)
    try:
        # Readable once the process has ended.
        assert wait_readable(ending, 10)
    finally:
        os.close(ending)


def wait_readable(descriptor: int, seconds: float) -> bool:
    import select

    readable, _, _ = select.select([descriptor], [], [], seconds)
    return bool(readable)
