"""The jars of Kafka and Zipkin: exactly those of their locks, each checked against its sha256 every time before use.

A jar is fetched into a folder of its own, checked, then renamed into the cache, so that several checkouts and several
processes may share one cache: whoever is late replaces a file by the same bytes. A jar that does not match is never on
the class path; in the cache it is fetched again, in a folder that somebody gave it is refused by name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from maillage.stack.command import Report
from maillage.stack.errors import StackError
from maillage.stack.jar_settings import JarSettings

FETCH_THREADS = 8
"""46 jars: 13 s with one, 3.2 s with eight; the server is not ours to press harder."""
FETCH_TRIES = 3
FETCH_TIMEOUT_SECONDS = 15
"""To connect, and between two packets."""
RETRY_PAUSE_SECONDS = 0.5
DRAFT_SECONDS_MAX = 24 * 3600
"""A draft older than this belongs to nobody that still runs."""

KAFKA, ZIPKIN = "kafka-jars.lock", "zipkin-jars.lock"

_ROW = re.compile(r"(\S+) (\S+) ([^\s:]+)(?::(\S+))? ([0-9a-f]{64}) ([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Jar:
    """One row of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int
    classifier: str = ""
    """Which of the files of a version; written after it, `version:classifier`."""

    @property
    def file_name(self) -> str:
        return "-".join(filter(None, (self.artifact, self.version, self.classifier))) + ".jar"

    def matches(self, path: Path) -> bool:
        """Tell whether `path` holds exactly these bytes."""
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


@dataclass(frozen=True, slots=True)
class JarSources:
    """Where the jars may come from; `kafka_home` wins over `jars_dir`, which wins over fetching."""

    cache: Path
    jars_dir: Path | None = None
    mirror: str = ""
    """Base address of a Maven repository; empty for Maven Central."""
    kafka_home: Path | None = None

    @classmethod
    def from_environment(cls) -> JarSources:
        """Read the settings of jars, and XDG_CACHE_HOME."""
        settings, cache = JarSettings(), os.environ.get("XDG_CACHE_HOME", "")
        return cls(
            # A relative XDG_CACHE_HOME is to be ignored, says its specification.
            cache=(Path(cache) if cache.startswith("/") else Path("~/.cache").expanduser()) / "maillage" / "jars",
            jars_dir=settings.jars_dir.expanduser() if settings.jars_dir else None,
            mirror=settings.maven_mirror.rstrip("/"),
            kafka_home=settings.kafka_home.expanduser() if settings.kafka_home else None,
        )


def read_lock(text: str | None = None, name: str = KAFKA) -> tuple[Jar, ...]:
    """Return the rows of a lock (the package's own by default); raise ValueError on any line it does not know."""
    if text is None:
        text = resources.files("maillage.stack").joinpath(name).read_text(encoding="ascii")
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        row = _ROW.fullmatch(line)
        if row is None:
            raise ValueError(f"line {number} of the jar lock is not: group artifact version[:classifier] sha256 bytes")
        jars.append(Jar(row[1], row[2], row[3], row[5], int(row[6]), row[4] or ""))
    if len({jar.file_name for jar in jars}) != len(jars):
        raise ValueError("the jar lock names a file twice")
    return tuple(jars)


def ensure_jars(
    sources: JarSources, report: Report, jars: tuple[Jar, ...] | None = None, owner: str = "Kafka"
) -> tuple[Path, ...]:
    """Return the class path, fetching what is missing; blocks, and raises StackError when it cannot be complete."""
    if sources.kafka_home is not None:
        return _from_kafka_home(sources.kafka_home)
    wanted = read_lock() if jars is None else jars
    if sources.jars_dir is not None:
        return _from_folder(sources.jars_dir, wanted)
    try:
        sources.cache.mkdir(parents=True, exist_ok=True)
        missing = [jar for jar in wanted if not jar.matches(sources.cache / jar.file_name)]
        if missing:
            _remove_old_drafts(sources.cache)
            _fetch(missing, sources, report, owner)
    except OSError as error:
        raise StackError(
            f"Les archives Java de {owner} ne peuvent pas être gardées dans {sources.cache} ({error.strerror})"
            f" · {owner}'s jars cannot be kept in {sources.cache}",
            "rendez ce dossier accessible, choisissez-en un autre avec XDG_CACHE_HOME, ou donnez un dossier d'archives"
            " avec MAILLAGE_JARS_DIR · open that folder, choose another with XDG_CACHE_HOME, or name a folder of jars"
            " with MAILLAGE_JARS_DIR",
        ) from None
    return tuple(sources.cache / jar.file_name for jar in wanted)


def _fetch(missing: list[Jar], sources: JarSources, report: Report, owner: str) -> None:
    total, size = len(missing), sum(jar.size for jar in missing) / 1e6
    plural = "s" if total > 1 else ""
    report(f"{owner} : {total} archive{plural} Java à télécharger, {size:.0f} Mo · {total} jar{plural} to fetch")
    failed = threading.Event()
    with ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="jars") as pool:
        tasks = [pool.submit(_fetch_one, jar, sources, failed, owner) for jar in missing]
        quarter = 1
        for done, task in enumerate(as_completed(tasks), start=1):
            task.result()
            if done * 4 >= quarter * total and done < total:
                report(f"{owner} : {done}/{total} archives Java · jars")
                quarter += 1
    report(f"{owner} : {total} archive{plural} Java vérifiée{plural} · {total} jar{plural} checked")


def _fetch_one(jar: Jar, sources: JarSources, failed: threading.Event, owner: str) -> None:
    problem = ""
    for attempt in range(FETCH_TRIES):
        if failed.is_set():
            return
        if attempt:
            time.sleep(RETRY_PAUSE_SECONDS * attempt)
        draft = Path(tempfile.mkdtemp(prefix=".fetch-", dir=sources.cache))
        try:
            fetched = _download(jar, draft, sources.mirror)
            if jar.matches(fetched):
                fetched.replace(sources.cache / jar.file_name)
                return
            problem = "sha256"
        except (OSError, RuntimeError, IndexError, ValueError) as error:
            # requests' errors are OSErrors; jgo raises RuntimeError where no repository has the file.
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            problem = type(error).__name__
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    failed.set()
    raise _altered(jar) if problem == "sha256" else _unreachable(jar, problem, owner)


def _download(jar: Jar, draft: Path, mirror: str) -> Path:
    # Imported here: 0.3 s that a start with a full cache does not pay.
    from jgo.maven import MavenContext

    # Our hash decides; jgo only warns about its own, on the terminal.
    logging.getLogger("jgo").setLevel(logging.CRITICAL)
    context = MavenContext(
        repo_cache=draft,
        remote_repos={"central": mirror} if mirror else None,
        timeout=FETCH_TIMEOUT_SECONDS,
    )
    artifact = (
        context.project(jar.group, jar.artifact).at_version(jar.version).artifact(jar.classifier, packaging="jar")
    )
    return Path(artifact.resolve())


def _unreachable(jar: Jar, problem: str, owner: str) -> StackError:
    return StackError(
        f"Les archives Java de {owner} ne peuvent pas être téléchargées ({jar.file_name}: {problem})"
        f" · {owner}'s jars cannot be fetched",
        "trois issues : un miroir de Maven Central avec MAILLAGE_MAVEN_MIRROR, un dossier d'archives déjà téléchargées"
        " avec MAILLAGE_JARS_DIR, ou un Kafka existant avec MAILLAGE_KAFKA_BOOTSTRAP · three ways out: a mirror of"
        " Maven Central with MAILLAGE_MAVEN_MIRROR, a folder of jars with MAILLAGE_JARS_DIR, or an existing Kafka with"
        " MAILLAGE_KAFKA_BOOTSTRAP",
    )


def _altered(jar: Jar) -> StackError:
    return StackError(
        f"Le dépôt envoie pour {jar.file_name} un autre contenu que celui attendu ; il n'est pas utilisé"
        f" · the repository sends another {jar.file_name} than the expected one; it is not used",
        "choisissez un autre miroir avec MAILLAGE_MAVEN_MIRROR, ou un dossier d'archives avec MAILLAGE_JARS_DIR"
        " · choose another mirror with MAILLAGE_MAVEN_MIRROR, or a folder of jars with MAILLAGE_JARS_DIR",
    )


def _from_folder(folder: Path, wanted: Iterable[Jar]) -> tuple[Path, ...]:
    present = {path.name: path for path in folder.rglob("*.jar")}
    absent = [jar.file_name for jar in wanted if jar.file_name not in present]
    altered = [jar.file_name for jar in wanted if jar.file_name in present and not jar.matches(present[jar.file_name])]
    if absent or altered:
        faulty = absent or altered
        names = ", ".join(faulty[:3]) + (f" (+{len(faulty) - 3})" if len(faulty) > 3 else "")
        french, english = ("manque", "lacks") if absent else ("a un autre contenu pour", "has other contents for")
        raise StackError(
            f"Le dossier MAILLAGE_JARS_DIR ({folder}) {french} {names} · the folder {english} {names}",
            "copiez-y les archives nommées dans kafka-jars.lock · copy into it the jars that kafka-jars.lock names",
        )
    return tuple(present[jar.file_name] for jar in wanted)


def _from_kafka_home(home: Path) -> tuple[Path, ...]:
    class_path = tuple(sorted((home / "libs").glob("*.jar")))
    versions = [re.fullmatch(r"kafka_2\.13-(\d+)\.(\d+)\..*\.jar", path.name) for path in class_path]
    found = [(int(match[1]), int(match[2])) for match in versions if match]
    if not found or max(found) < (4, 2):
        raise StackError(
            f"MAILLAGE_KAFKA_HOME ({home}) n'est pas une distribution d'Apache Kafka 4.2 ou plus récente"
            " · is not a distribution of Apache Kafka 4.2 or newer",
            "donnez le dossier qui contient libs/ et bin/ · name the folder that holds libs/ and bin/",
        )
    return class_path


def _remove_old_drafts(cache: Path) -> None:
    for draft in cache.glob(".fetch-*"):
        with contextlib.suppress(OSError):
            if time.time() - draft.stat().st_mtime > DRAFT_SECONDS_MAX:
                shutil.rmtree(draft, ignore_errors=True)
