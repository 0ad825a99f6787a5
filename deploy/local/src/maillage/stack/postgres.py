"""PostgreSQL on this machine, durable, on loopback only, and silent about people.

Its log holds no statement, no value, no detail of a constraint: `log_min_messages=log` drops errors of statements
(their clients receive them) and `terse` drops the DETAIL that repeats a row. Changing either puts names in the log.
An initdb that was interrupted leaves nothing that a later start could mistake for data.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGQUIT
from urllib.parse import quote

import asyncpg

from maillage.stack import accounts, databases, disk, postgres_data, postgres_software
from maillage.stack.command import Command, Report
from maillage.stack.errors import StackError
from maillage.stack.postgres_software import Software

HOST = "127.0.0.1"
ADMINISTRATOR = "postgres"

INITDB_SECONDS = 120
"""1.1 s on 2 cores; a slow disk needs tens of seconds."""

PRIVACY = {
    "log_error_verbosity": "terse",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_connections": "",
    "log_disconnections": "off",
}
SYNC_METHOD = "syncfs" if sys.platform.startswith("linux") else "fsync"
SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "jit": "off",
    # After a kill -9 each of some 5,000 files would be synced one by one, for seconds; this is one call.
    "recovery_init_sync_method": SYNC_METHOD,
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    **PRIVACY,
}
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "1h",
}
"""For clusters that die with the tests. `make run` keeps people's data and never uses them."""


@dataclass(frozen=True, slots=True)
class PostgresConfig:
    """Where the server's files are and where it listens."""

    directory: Path
    """Everything of this server: data, password, copied programs; on a local disk."""
    log_file: Path
    port: int = 5433
    durable: bool = True


class Postgres:
    """One embedded PostgreSQL server."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self._account: accounts.Account | None = None
        self._software: Software | None = None

    @property
    def cluster(self) -> Path:
        """The data directory."""
        return self._config.directory / "cluster"

    @property
    def admin_dsn(self) -> str:
        """The administrator's address, password included: for creating databases, never for a service."""
        return self._dsn("postgres", ADMINISTRATOR, self._password())

    def prepare(self, report: Report) -> None:
        """Make the cluster exist and be startable; blocks for seconds, changes nothing the second time."""
        directory = self._config.directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                directory.chmod(0o711)
            self._choose(report)
            self._adopt()
            postgres_data.check(self.cluster)
            if not self.cluster.exists():
                report("Création de la base de données PostgreSQL · creating the PostgreSQL cluster")
                self._create()
            postgres_data.clear_stale_lock(self.cluster)
        except OSError as error:
            raise disk.from_os_error(error, directory) from None

    def command(self) -> Command:
        """Describe the server as a foreground process; call `prepare` first."""
        account, software = self._prepared()
        settings = SETTINGS if self._config.durable else SETTINGS | THROW_AWAY
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        program = str(software.program("postgres"))
        where = ["-D", str(self.cluster), "-h", HOST, "-p", str(self._config.port), "-k", ""]
        return Command(
            name="postgres",
            argv=(*account.prefix, program, *where, *options),
            env=_environment(),
            cwd=Path("/"),
            log_file=self._config.log_file,
            user=account.uid,
            group=account.gid,
            # SIGTERM would wait for every client to leave; SIGINT ends their sessions and checkpoints.
            stop_signal=SIGINT,
            # With the supervisor gone nobody waits: end at once, recover from the log at the next start.
            death_signal=SIGQUIT,
        )

    async def wait_ready(self, timeout: float) -> str:
        """Return the server's version once it answers; raise StackError when it does not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                connection = await asyncpg.connect(self.admin_dsn, timeout=5)
            except asyncpg.InvalidPasswordError:
                raise StackError(
                    f"Le mot de passe de PostgreSQL ne correspond pas à ses données ({self._password_file})"
                    " · PostgreSQL's password file does not belong to its data",
                    "remettez le fichier d'origine, ou effacez tout avec maillage reset"
                    " · restore the original file, or erase everything with maillage reset",
                ) from None
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if time.monotonic() > deadline:
                    raise self.diagnose() or self._silent(timeout) from None
                await asyncio.sleep(0.05)
                continue
            try:
                # Each service's role belongs in its own database and in no other.
                await connection.execute("REVOKE ALL ON DATABASE postgres FROM PUBLIC")
                version: str = await connection.fetchval("SHOW server_version")
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                # It answered and went into recovery: a backend crashed.
                if time.monotonic() > deadline:
                    raise self.diagnose() or self._silent(timeout) from None
                await asyncio.sleep(0.05)
                continue
            finally:
                connection.terminate()
            return version.split(" ")[0]

    async def ensure_database(self, name: str, role: str, password: str) -> str:
        """Create or bring into line a database that only `role` may connect to; return its address."""
        await databases.ensure_database(self.admin_dsn, name, role, password)
        return self._dsn(name, role, password)

    def diagnose(self) -> StackError | None:
        """Say why the server ended, from the last lines of its log; None when they do not tell."""
        return postgres_data.explain(self._config.log_file, self._config.directory, self._config.port)

    def _choose(self, report: Report) -> None:
        wheel = postgres_software.find()
        copy = self._config.directory / postgres_software.copy_name(wheel)
        account, must_copy = accounts.choose(self._config.directory, wheel.program("postgres"), copy)
        if must_copy:
            report("Copie des programmes de PostgreSQL · copying PostgreSQL's programs")
            wheel = wheel.copied_to(copy)
        self._account, self._software = account, wheel

    def _adopt(self) -> None:
        account, _ = self._prepared()
        if self.cluster.exists():
            account.take(self.cluster)

    def _create(self) -> None:
        account, software = self._prepared()
        disk.refuse_full_disk(self._config.directory)
        password = self._write_password()
        for left_behind in self._config.directory.glob("creating-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        drafts = Path(tempfile.mkdtemp(prefix="creating-", dir=self._config.directory))
        try:
            draft, password_file = drafts / "cluster", drafts / "password"
            draft.mkdir(mode=0o700)
            password_file.touch(mode=0o600)
            password_file.write_text(password + "\n", encoding="ascii")
            account.take(drafts)
            argv = [
                str(software.program("initdb")),
                "-D",
                str(draft),
                "-U",
                ADMINISTRATOR,
                "--pwfile",
                str(password_file),
            ]
            argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
            argv += ["--builtin-locale=C.UTF-8", "--data-checksums"]
            argv += [f"--sync-method={SYNC_METHOD}"] if self._config.durable else ["--no-sync"]
            done = account.run(argv, env=_environment(), seconds=INITDB_SECONDS)
            if done.returncode != 0:
                raise postgres_data.initdb_failed(done.stdout, self._config.directory)
            draft.replace(self.cluster)
        finally:
            shutil.rmtree(drafts, ignore_errors=True)

    @property
    def _password_file(self) -> Path:
        return self._config.directory / "password"

    def _write_password(self) -> str:
        password = secrets.token_urlsafe(32)
        self._password_file.unlink(missing_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password + "\n", encoding="ascii")
        return password

    def _password(self) -> str:
        try:
            return self._password_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise disk.from_os_error(error, self._config.directory) from None

    def _dsn(self, database: str, role: str, password: str) -> str:
        return f"postgresql://{quote(role)}:{quote(password, safe='')}@{HOST}:{self._config.port}/{quote(database)}"

    def _prepared(self) -> tuple[accounts.Account, Software]:
        if self._account is None or self._software is None:
            raise RuntimeError("prepare() comes first")
        return self._account, self._software

    def _silent(self, timeout: float) -> StackError:
        return StackError(
            f"PostgreSQL ne répond pas après {timeout:.0f} s · PostgreSQL does not answer after {timeout:.0f} s",
            f"lisez son journal · read its log: {self._config.log_file}",
        )


def _environment() -> dict[str, str]:
    # Nothing inherited: PGDATA, PGPORT or a locale of the caller must not reach the server.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
