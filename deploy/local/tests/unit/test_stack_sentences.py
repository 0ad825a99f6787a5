"""Whatever stops an embedded server is one sentence and what to do, never a stack trace."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from maillage.stack import accounts, disk, jvm, kafka_data, kafka_properties, postgres_data
from maillage.stack.accounts import Account
from maillage.stack.errors import StackError
from maillage.stack.kafka_properties import Ports


def test_a_stack_error_is_one_line_with_its_remedy() -> None:
    assert str(StackError("It rains.", "take a coat")) == "It rains. → take a coat"


def cluster(folder: Path, version: str | None) -> Path:
    path = folder / "cluster"
    path.mkdir()
    if version is not None:
        (path / "PG_VERSION").write_text(version + "\n")
    return path


def test_data_of_this_version_or_none_are_accepted(tmp_path: Path) -> None:
    postgres_data.check(tmp_path / "absent")
    postgres_data.check(cluster(tmp_path, "18"))


@pytest.mark.parametrize(("version", "said"), [("16", "PostgreSQL 16"), (None, "complete"), ("\x00", "PostgreSQL \\?")])
def test_other_data_are_refused_with_the_setting(tmp_path: Path, version: str | None, said: str) -> None:
    with pytest.raises(StackError, match=said) as refused:
        postgres_data.check(cluster(tmp_path, version))
    assert "MAILLAGE_DATA_DIR" in refused.value.remedy


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 2**20))
    with pytest.raises(StackError, match=r"10 Mo.*300 MB"):
        disk.refuse_full_disk(tmp_path)


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EACCES, "account")]
)
def test_operating_system_errors_become_sentences(number: int, said: str, tmp_path: Path) -> None:
    assert said in str(disk.from_os_error(OSError(number, os.strerror(number), "/data"), tmp_path))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("FATAL:  could not write lock file: No space left on device", "full"),
        ("LOG:  could not bind IPv4 address: Address already in use", "MAILLAGE_POSTGRES_PORT"),
        ("FATAL:  data directory has invalid permissions", "cannot be read"),
        ("PANIC:  could not locate a valid checkpoint record", "damaged"),
    ],
)
def test_the_end_of_postgresqls_log_is_explained(tmp_path: Path, line: str, said: str) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(line + "\n")
    assert said in str(postgres_data.explain(log, tmp_path, 5433))


def test_a_log_that_says_nothing_is_not_explained(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert postgres_data.explain(log, tmp_path, 5433) is None
    log.write_text("LOG: all is well\n")
    assert postgres_data.explain(log, tmp_path, 5433) is None
    assert kafka_data.explain(log, tmp_path, {9092: "MAILLAGE_KAFKA_PORT"}) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("KafkaException: Socket server failed to bind to 127.0.0.1:9094: Address already in use", "PARTNER_PORT=9194"),
        ("java.io.IOException: No space left on device", "full"),
        ("java.lang.OutOfMemoryError: Java heap space", "memory"),
        ("KafkaException: Failed to acquire lock on file .lock", "maillage down"),
    ],
)
def test_the_end_of_kafkas_log_is_explained(tmp_path: Path, line: str, said: str) -> None:
    log = tmp_path / "kafka.log"
    log.write_text(line + "\n")
    ports = {9092: "MAILLAGE_KAFKA_PORT", 9094: "MAILLAGE_KAFKA_PARTNER_PORT"}
    assert said in str(kafka_data.explain(log, tmp_path, ports))


def test_what_formatting_printed_is_never_repeated(tmp_path: Path) -> None:
    output = b"SCRAM-SHA-512=[name=admin,password=secret] java.lang.IllegalStateException: secret"
    said = str(kafka_data.format_failed(tmp_path, output))
    assert "IllegalStateException" in said
    assert "secret" not in said


def test_kafka_data_without_their_description_are_refused(tmp_path: Path) -> None:
    kafka_data.check(tmp_path / "absent")
    with pytest.raises(StackError, match="maillage reset"):
        kafka_data.check(tmp_path)


def test_the_setting_is_named_when_no_account_can_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "_can_write", lambda *_: False)
    with pytest.raises(StackError, match="MAILLAGE_DATA_DIR=/var/lib/maillage"):
        accounts.choose(tmp_path, Path("/postgres"), tmp_path / "copy")


def test_programs_are_copied_when_only_they_cannot_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "_can_write", lambda *_: True)
    monkeypatch.setattr(Account, "can", lambda *_: False)
    chosen, must_copy = accounts.choose(tmp_path, Path("/private/postgres"), tmp_path / "copy")
    assert (chosen, must_copy) == (accounts.NOBODY_ACCOUNT, True)


def test_the_listener_of_super_users_stays_on_loopback() -> None:
    ports = Ports(9092, 9093, 9094)
    text = kafka_properties.render(Path("/data"), ports, durable=True)
    listeners = next(line for line in text.splitlines() if line.startswith("listeners="))
    assert listeners == "listeners=INTERNAL://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093,PARTNERS://127.0.0.1:9094"
    assert "PARTNERS:SASL_PLAINTEXT" in text
    with pytest.raises(ValueError, match="loopback"):
        kafka_properties.render(Path("/data"), ports, durable=True, host="192.0.2.1")


def test_a_folder_with_accents_survives_javas_properties() -> None:
    text = kafka_properties.render(Path("/données/é\\x"), Ports(1, 2, 3), durable=False)
    assert "log.dirs=/donn\\u00e9es/\\u00e9\\\\x\n" in text
    assert text.isascii()


def test_java_arguments_are_private_and_quoted(tmp_path: Path) -> None:
    path = jvm.write_arguments(tmp_path / "arguments", ["-cp", 'a "b" c\\d'])
    assert path.read_text() == '"-cp"\n"a \\"b\\" c\\\\d"\n'
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_account_without_a_name_gets_one_from_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = 2**31 - 7
    monkeypatch.setattr(os, "geteuid", lambda: nameless)
    assert accounts.candidates() == (accounts.NAMESPACE, accounts.OURSELVES)
    said = str(
        postgres_data.initdb_failed("initdb: could not look up effective user ID 7: user does not exist", Path("/"))
    )
    assert "/etc/passwd" in said
