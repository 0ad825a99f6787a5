"""Apache Kafka on this machine: KRaft, broker and controller in one process, with SCRAM and ACLs on.

Data are formatted into a draft and renamed, so that an interrupted format leaves nothing that looks like data. The
configuration is written anew at each start; ports may therefore change between two starts. A single broker has no
second copy: what it acknowledged survives its own death, and a power cut except for the last second.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from signal import SIGKILL, SIGTERM

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from maillage.stack import disk, jvm, kafka_data, kafka_properties
from maillage.stack.command import Command, Report
from maillage.stack.errors import StackError
from maillage.stack.jars import JarSources, ensure_jars
from maillage.stack.kafka_properties import ADMINISTRATOR, HOST, Ports

FORMAT_SECONDS = 120
"""1.4 s on 2 cores; a busy machine needs longer."""
PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class KafkaConfig:
    """Where the broker's files are and where it listens."""

    directory: Path
    """Everything of this server: data, configuration, administrator's password."""
    log_file: Path
    port: int = 9092
    controller_port: int = 9093
    partner_port: int = 9094
    durable: bool = True
    heap_mb: int = 512
    jars: JarSources | None = None
    """None: from the environment."""


class Kafka:
    """One embedded Kafka broker."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._class_path: tuple[Path, ...] = ()

    @property
    def bootstrap(self) -> str:
        """Where the services connect: loopback, no password, every right."""
        return f"{HOST}:{self._config.port}"

    @property
    def partner_bootstrap(self) -> str:
        """Where partners connect: SASL_PLAINTEXT, SCRAM-SHA-512, only the rights given by ACLs."""
        return f"{HOST}:{self._config.partner_port}"

    @property
    def admin_password(self) -> str:
        """The password of the SCRAM user `admin`, a super user on the partners' listener."""
        return (self._config.directory / "admin-password").read_text(encoding="ascii").strip()

    @property
    def version(self) -> str:
        """The version on the class path."""
        names = (re.fullmatch(r"kafka_2\.13-(.+)\.jar", path.name) for path in self._class_path)
        return next((match[1] for match in names if match), "?")

    @property
    def data(self) -> Path:
        """The log directory of the broker."""
        return self._config.directory / "data"

    def prepare(self, report: Report) -> None:
        """Make jars, configuration and data exist; blocks (fetching the first time), changes nothing else later."""
        directory = self._config.directory
        self._class_path = ensure_jars(self._config.jars or JarSources.from_environment(), report)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._reset_scratch()
            self._configure(self.data, "server.properties")
            kafka_data.check(self.data)
            if not self.data.exists():
                report("Préparation du stockage de Kafka · formatting Kafka's storage")
                disk.refuse_full_disk(directory)
                self._format()
            jvm.write_arguments(
                directory / "broker.args",
                [*self._jvm_options(), "kafka.Kafka", str(directory / "server.properties")],
            )
        except OSError as error:
            raise disk.from_os_error(error, directory) from None

    def command(self) -> Command:
        """Describe the broker as a foreground process; call `prepare` first."""
        if not self._class_path:
            raise RuntimeError("prepare() comes first")
        return Command(
            name="kafka",
            argv=(str(jvm.java()), f"@{self._config.directory / 'broker.args'}"),
            env=jvm.environment(),
            cwd=self._config.directory,
            log_file=self._config.log_file,
            stop_signal=SIGTERM,
            death_signal=SIGKILL,
        )

    async def wait_ready(self, timeout: float) -> str:
        """Return the broker's version once it serves; raise StackError when it does not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (_listens(self._config.port) and await asyncio.to_thread(_serves, self.bootstrap)):
            if time.monotonic() > deadline:
                raise self.diagnose() or StackError(
                    f"Kafka ne répond pas après {timeout:.0f} s · Kafka does not answer after {timeout:.0f} s",
                    f"lisez son journal · read its log: {self._config.log_file}",
                )
            await asyncio.sleep(0.05)
        return self.version

    def diagnose(self) -> StackError | None:
        """Say why the broker ended, from the last lines of its log; None when they do not tell."""
        settings = {
            self._config.port: "MAILLAGE_KAFKA_PORT",
            self._config.controller_port: "MAILLAGE_KAFKA_CONTROLLER_PORT",
            self._config.partner_port: "MAILLAGE_KAFKA_PARTNER_PORT",
        }
        return kafka_data.explain(self._config.log_file, self._config.directory, settings)

    def _ports(self) -> Ports:
        return Ports(self._config.port, self._config.controller_port, self._config.partner_port)

    def _configure(self, data: Path, name: str) -> Path:
        path = self._config.directory / name
        text = kafka_properties.render(data, self._ports(), durable=self._config.durable)
        path.write_text(text, encoding="ascii")
        log4j = resources.files("maillage.stack").joinpath("log4j2.properties").read_text(encoding="ascii")
        (self._config.directory / "log4j2.properties").write_text(log4j, encoding="ascii")
        return path

    def _jvm_options(self) -> list[str]:
        directory = self._config.directory
        return [
            *jvm.QUIET,
            "-Xms128m",
            f"-Xmx{self._config.heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            f"-XX:ErrorFile={directory / 'jvm-crash.log'}",
            f"-Djava.io.tmpdir={directory / 'scratch'}",
            f"-Dlog4j2.configurationFile={directory / 'log4j2.properties'}",
            "-Dlog4j2.disableJmx=true",
            "-cp",
            os.pathsep.join(str(path) for path in self._class_path),
        ]

    def _reset_scratch(self) -> None:
        # Native libraries are unpacked there at each start; after kill -9 nobody else would remove them.
        scratch = self._config.directory / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()

    def _format(self) -> None:
        draft = self._config.directory / "creating"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        properties = self._configure(draft, "format.properties")
        password = self._new_admin_password()
        # A leading hyphen, one time in 64, would be read as an option.
        cluster = "M" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        arguments = jvm.write_arguments(
            self._config.directory / "format.args",
            [
                *self._jvm_options(),
                *("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(properties)),
                *("--add-scram", f"SCRAM-SHA-512=[name={ADMINISTRATOR},password={password}]"),
            ],
        )
        try:
            done = subprocess.run(
                [str(jvm.java()), f"@{arguments}"],
                stdin=subprocess.DEVNULL,
                # It prints salts and keys of the SCRAM users.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=jvm.environment(),
                cwd=self._config.directory,
                timeout=FORMAT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise kafka_data.format_failed(self._config.directory, b"timeout") from None
        finally:
            arguments.unlink(missing_ok=True)
            properties.unlink(missing_ok=True)
        if done.returncode != 0 or not (draft / "meta.properties").is_file():
            raise kafka_data.format_failed(self._config.directory, done.stderr)
        draft.replace(self.data)

    def _new_admin_password(self) -> str:
        password = secrets.token_hex(32)
        path = self._config.directory / "admin-password"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(password + "\n", encoding="ascii")
        return password


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex((HOST, port)) == 0


def _serves(bootstrap: str) -> bool:
    # A broker that registered with its controller shows itself in its metadata.
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 5000})
    try:
        return bool(client.list_topics(timeout=PROBE_SECONDS).brokers)
    except KafkaException:
        return False
