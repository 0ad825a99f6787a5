"""Kafka's jars: only the bytes of the lock are ever on the class path, wherever they come from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from maillage.stack import jars
from maillage.stack.errors import StackError
from maillage.stack.jars import Jar, JarSources, ensure_jars, read_lock
from maillage.stack.zipkin import Zipkin, ZipkinConfig


class Mirror:
    """A Maven repository on loopback that counts what it serves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.served: list[str] = []
        self.at_once = self.at_once_max = 0
        self.together = 1
        self.gathered = threading.Event()
        lock = threading.Lock()
        mirror = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(folder))

            def do_GET(self) -> None:
                with lock:
                    mirror.served.append(self.path)
                    mirror.at_once += 1
                    mirror.at_once_max = max(mirror.at_once_max, mirror.at_once)
                    if mirror.at_once >= mirror.together:
                        mirror.gathered.set()
                # Held until so many requests are here at once; a serial client waits it out and is seen.
                mirror.gathered.wait(2)
                super().do_GET()
                with lock:
                    mirror.at_once -= 1

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def add(self, artifact: str, content: bytes, classifier: str = "") -> Jar:
        jar = Jar("org.example", artifact, "1.0", hashlib.sha256(content).hexdigest(), len(content), classifier)
        path = self.folder / "org" / "example" / artifact / "1.0" / jar.file_name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return jar

    def jars_served(self) -> list[str]:
        return [path for path in self.served if path.endswith(".jar")]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(jars, "RETRY_PAUSE_SECONDS", 0)
    mirror = Mirror(tmp_path / "mirror")
    thread = threading.Thread(target=mirror.server.serve_forever, args=(0.05,))
    thread.start()
    yield mirror
    mirror.server.shutdown()
    thread.join()
    mirror.server.server_close()


@pytest.fixture
def sources(tmp_path: Path, mirror: Mirror) -> JarSources:
    return JarSources(cache=tmp_path / "cache", mirror=mirror.url)


def quiet(_line: str) -> None:
    return


def test_the_lock_names_kafka_and_its_logging() -> None:
    names = {jar.file_name for jar in read_lock()}

    assert len(names) == 46
    assert {"kafka_2.13-4.3.1.jar", "log4j-slf4j-impl-2.25.3.jar", "slf4j-api-1.7.36.jar"} <= names


def test_the_lock_of_the_trace_viewer_names_one_file_with_its_classifier() -> None:
    (jar,) = read_lock(name=jars.ZIPKIN)

    assert jar.file_name == "zipkin-server-3.6.1-slim.jar"
    assert (jar.version, jar.classifier) == ("3.6.1", "slim")


@pytest.mark.parametrize(
    "line",
    [
        "org.example a 1.0 1234 5",
        "org.example a 1.0",
        f"org.example a 1.0 {'0' * 64} -5",
        f"org.example a 1.0 {'0' * 64} 5 extra",
        f"org.example a 1.0: {'0' * 64} 5",
    ],
)
def test_a_line_that_is_not_a_row_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_lock(f"# comment\n{line}\n")


def test_a_file_named_twice_is_refused() -> None:
    row = f"org.example a 1.0 {'0' * 64} 5\n"
    with pytest.raises(ValueError, match="twice"):
        read_lock(row + row)


def test_jars_are_fetched_in_parallel_and_only_once(mirror: Mirror, sources: JarSources) -> None:
    wanted = tuple(mirror.add(f"part{number}", b"content %d" % number) for number in range(12))
    mirror.together = 4
    lines: list[str] = []

    class_path = ensure_jars(sources, lines.append, wanted)

    assert [path.read_bytes() for path in class_path] == [b"content %d" % number for number in range(12)]
    assert mirror.at_once_max >= 4
    assert "12" in lines[0]
    assert "12" in lines[-1]
    before = list(mirror.served)
    assert ensure_jars(sources, lines.append, wanted) == class_path
    assert mirror.served == before
    assert sorted(path.name for path in sources.cache.iterdir()) == sorted(jar.file_name for jar in wanted)


def test_the_file_of_a_classifier_is_fetched_and_its_owner_named(mirror: Mirror, sources: JarSources) -> None:
    jar = mirror.add("viewer", b"content", "slim")
    lines: list[str] = []

    (path,) = ensure_jars(sources, lines.append, (jar,), owner="Zipkin")

    assert (path.name, path.read_bytes()) == ("viewer-1.0-slim.jar", b"content")
    assert lines[0].startswith("Zipkin : 1 archive Java à télécharger")
    assert lines[-1].startswith("Zipkin : 1 archive Java vérifiée")


def test_a_corrupted_jar_in_the_cache_is_fetched_again(mirror: Mirror, sources: JarSources) -> None:
    jar = mirror.add("part", b"good content")
    (path,) = ensure_jars(sources, quiet, (jar,))
    path.write_bytes(b"evil content")

    ensure_jars(sources, quiet, (jar,))

    assert path.read_bytes() == b"good content"
    assert len(mirror.jars_served()) == 2


def test_a_jar_that_the_mirror_altered_never_enters_the_cache(mirror: Mirror, sources: JarSources) -> None:
    jar = mirror.add("part", b"good content")
    next(mirror.folder.rglob("*.jar")).write_bytes(b"evil content")

    with pytest.raises(StackError, match=r"part-1\.0\.jar") as refused:
        ensure_jars(sources, quiet, (jar,))

    assert "MAILLAGE_MAVEN_MIRROR" in str(refused.value)
    assert list(sources.cache.iterdir()) == []
    assert len(mirror.jars_served()) == jars.FETCH_TRIES


def test_several_starts_at_once_share_one_cache(mirror: Mirror, sources: JarSources) -> None:
    wanted = tuple(mirror.add(f"part{number}", b"content %d" % number) for number in range(6))

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: ensure_jars(sources, quiet, wanted), range(3)))

    assert found[0] == found[1] == found[2]
    assert all(jar.matches(sources.cache / jar.file_name) for jar in wanted)


def test_the_three_ways_out_are_named_when_nothing_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(jars, "RETRY_PAUSE_SECONDS", 0)
    nobody = JarSources(cache=tmp_path, mirror="http://127.0.0.1:9")

    with pytest.raises(StackError) as refused:
        ensure_jars(nobody, quiet, read_lock())

    for way_out in ("MAILLAGE_MAVEN_MIRROR", "MAILLAGE_JARS_DIR", "MAILLAGE_KAFKA_BOOTSTRAP"):
        assert way_out in refused.value.remedy
    assert "\n" not in str(refused.value)


def test_the_viewer_s_jar_is_named_as_its_own_when_nothing_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(jars, "RETRY_PAUSE_SECONDS", 0)
    # A distribution of Kafka is no help: it holds no Zipkin.
    sources = JarSources(cache=tmp_path, mirror="http://127.0.0.1:9", kafka_home=tmp_path)

    with pytest.raises(StackError) as refused:
        Zipkin(ZipkinConfig(tmp_path / "zipkin", tmp_path / "log", jars=sources)).prepare(quiet)

    assert refused.value.sentence.startswith("Les archives Java de Zipkin ne peuvent pas être téléchargées")


def test_an_unwritable_cache_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StackError, match="XDG_CACHE_HOME"):
        ensure_jars(JarSources(cache=tmp_path / "file" / "jars"), quiet)


def test_a_folder_of_jars_is_used_as_it_is(tmp_path: Path, mirror: Mirror) -> None:
    jar = mirror.add("part", b"good content")
    sources = JarSources(cache=tmp_path / "cache", jars_dir=mirror.folder)

    (path,) = ensure_jars(sources, quiet, (jar,))

    assert path.read_bytes() == b"good content"
    assert mirror.served == []


@pytest.mark.parametrize("content", [None, b"evil content"])
def test_a_folder_of_jars_is_refused_when_it_lacks_or_alters_one(tmp_path: Path, content: bytes | None) -> None:
    jar = Jar("org.example", "part", "1.0", hashlib.sha256(b"good content").hexdigest(), 12)
    if content is not None:
        (tmp_path / jar.file_name).write_bytes(content)

    with pytest.raises(StackError, match=r"MAILLAGE_JARS_DIR.*part-1\.0\.jar"):
        ensure_jars(JarSources(cache=tmp_path / "cache", jars_dir=tmp_path), quiet, (jar,))


@pytest.mark.parametrize(("name", "accepted"), [("4.3.1", True), ("4.2.0", True), ("3.9.0", False), (None, False)])
def test_a_kafka_distribution_is_used_from_4_2_on(tmp_path: Path, name: str | None, accepted: bool) -> None:
    (tmp_path / "libs").mkdir()
    if name is not None:
        (tmp_path / "libs" / f"kafka_2.13-{name}.jar").touch()
    sources = JarSources(cache=tmp_path / "cache", kafka_home=tmp_path)

    if accepted:
        assert [path.name for path in ensure_jars(sources, quiet)] == [f"kafka_2.13-{name}.jar"]
    else:
        with pytest.raises(StackError, match="MAILLAGE_KAFKA_HOME"):
            ensure_jars(sources, quiet)


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MAILLAGE_JARS_DIR", "/jars")
    monkeypatch.setenv("MAILLAGE_MAVEN_MIRROR", "https://maven.example/repository/")
    monkeypatch.setenv("MAILLAGE_KAFKA_HOME", "/kafka")

    sources = JarSources.from_environment()

    assert sources.cache == tmp_path / "maillage" / "jars"
    assert (sources.jars_dir, sources.kafka_home) == (Path("/jars"), Path("/kafka"))
    assert sources.mirror == "https://maven.example/repository"
