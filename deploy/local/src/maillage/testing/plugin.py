"""pytest plugin: `postgres_server`, `kafka_server`, `database` and `topic_name` for every test of the project.

Servers start when first asked for, once a session. MAILLAGE_TEST_STACK chooses them: `embedded`, `containers`, or
`external` (MAILLAGE_TEST_POSTGRES_DSN and MAILLAGE_TEST_KAFKA_BOOTSTRAP, with MAILLAGE_TEST_KAFKA_PARTNER_BOOTSTRAP).
The summary says which server each tier used, so that a green run never hides that a tier did without.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from maillage.errors import Refusal
from maillage.testing.choice import STACK, Choice, choose, kafka_of, postgres_of

if TYPE_CHECKING:
    from maillage.testing.databases import DatabaseFactory
    from maillage.testing.servers import KafkaServer, PostgresServer

FIXTURES = {"postgres_server": "postgres", "kafka_server": "kafka"}
"""Fixture to marker: `-m "not kafka"` leaves out what needs a broker."""

WHOLE = "stack"
"""The fixture that starts a whole Maillage."""

WITHOUT_ENGINE = "MAILLAGE_TEST_WITHOUT_DOCKER"
"""`skip`: where containers were chosen and no engine answers, say so and end well."""

MakeDatabase: TypeAlias = "Callable[[str | None], Awaitable[str]]"

_started = pytest.StashKey[dict[str, str]]()
_tiers = pytest.StashKey[dict[str, dict[str, int]]]()
_choice = pytest.StashKey[Choice]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the servers, and prepare what the summary needs."""
    config.stash[_started] = {}
    config.stash[_tiers] = {}
    try:
        config.stash[_choice] = choose(os.environ)
    except Refusal as refused:
        raise pytest.UsageError(refused.sentence) from None
    if config.stash[_choice].in_containers:
        _require_engine()


def _require_engine() -> None:
    from maillage.testing.containers import require_engine

    try:
        require_engine()
    except Refusal as refused:
        if os.environ.get(WITHOUT_ENGINE) == "skip":
            pytest.exit(refused.sentence, returncode=0)
        raise pytest.UsageError(refused.sentence) from None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server by the server it needs; where workers share the tests, the longest group begins."""
    for item in items:
        for fixture in FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(FIXTURES[fixture])
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: WHOLE not in getattr(item, "fixturenames", ()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole files, and all that needs the whole stack to one of them: it starts once.

    pytest-xdist's own groups are written into a name that pytest 9.2 no longer keeps.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # ships no py.typed

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # untyped, see above
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.partition("::")[0], config.rootpath)

    return ByGroup(config, log)


@lru_cache(maxsize=1_000)
def group_of(file: str, root: Path) -> str:
    """Return the group of a file's tests: those that ask for the running stack are one."""
    return WHOLE if f"{WHOLE}: RunningStack" in (root / file).read_text("utf-8") else file


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """The folder of this session's servers."""
    from maillage.testing.servers import new_folder

    folder = new_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL for the session."""
    server = postgres_of(request.config.stash[_choice], server_folder)
    request.config.stash[_started]["postgres_server"] = str(server)
    yield server
    if server.process is not None:
        server.process.close()


@pytest.fixture(scope="session")
def kafka_of_session(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[KafkaServer]:
    """A Kafka for the session, with whatever every file before has left on it: ask for `kafka_server`."""
    server = kafka_of(request.config.stash[_choice], server_folder)
    request.config.stash[_started]["kafka_server"] = str(server)
    yield server
    if server.process is not None:
        server.process.close()


@pytest.fixture(scope="module")
def kafka_server(kafka_of_session: KafkaServer) -> KafkaServer:
    """A Kafka with its loopback and its SCRAM listener; each file finds one of ours without topics.

    Which files came before depends on the worker: services read well-known topics from their beginning, and would hear
    the events of other files.
    """
    if kafka_of_session.process is not None:
        from maillage.testing.clean_broker import forget_everything

        forget_everything(kafka_of_session.bootstrap)
    return kafka_of_session


@pytest.fixture(scope="session")
def database_factory(postgres_server: PostgresServer) -> Iterator[DatabaseFactory]:
    """Every database of the session, and the templates they are copied from."""
    from maillage.testing.databases import DatabaseFactory
    from maillage.testing.servers import run_apart

    factory = DatabaseFactory(postgres_server.admin_dsn)
    yield factory
    # Ours vanishes with its server.
    if postgres_server.process is None:
        run_apart(factory.drop_all)


@pytest.fixture
async def database(database_factory: DatabaseFactory) -> AsyncIterator[MakeDatabase]:
    """Make databases: `await database("referrals")` has that service's schema, `await database(None)` is empty."""
    lock = asyncio.Lock()
    made: list[str] = []

    async def make(package: str | None) -> str:
        dsn = await database_factory.create(package, lock)
        made.append(dsn)
        return dsn

    yield make
    for dsn in made:
        await database_factory.drop(dsn)


@pytest.fixture
def topic_name() -> Callable[[str], str]:
    """Return a topic or group name that no other test has."""
    return lambda stem: f"{stem}-{secrets.token_hex(6)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count the test for its tier, with the servers that it used."""
    used = item.config.stash[_tiers].setdefault(tier_of(item.path), {"": 0})
    used[""] += 1
    for fixture in FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
        used[fixture] = used.get(fixture, 0) + 1
    yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker counted to the session that prints it."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["maillage"] = {"tiers": session.config.stash[_tiers], "started": session.config.stash[_started]}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what a worker counted; one that died has told nothing."""
    told = getattr(node, "workeroutput", {}).get("maillage", {"tiers": {}, "started": {}})
    node.config.stash[_started].update(told["started"])
    tiers = node.config.stash[_tiers]
    for tier, used in told["tiers"].items():
        seen = tiers.setdefault(tier, {"": 0})
        for name, count in used.items():
            seen[name] = seen.get(name, 0) + count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which servers each tier used."""
    if not config.stash[_tiers]:
        return
    terminalreporter.section(f"servers used by each tier ({STACK}: {config.stash[_choice]})")
    for line in describe(config.stash[_tiers], config.stash[_started]):
        terminalreporter.write_line(line)


def tier_of(path: Path) -> str:
    """Return the folder below the last `tests`: unit, component, journey, …"""
    parts = path.parts
    last = len(parts) - 1 - parts[::-1].index("tests") if "tests" in parts else -1
    return parts[last + 1] if 0 <= last < len(parts) - 2 else "other"


def describe(tiers: dict[str, dict[str, int]], started: dict[str, str]) -> list[str]:
    """Return one line a tier."""
    lines = []
    for tier, used in sorted(tiers.items()):
        servers = [f"{started[name]}: {used[name]} tests" for name in FIXTURES if name in used and name in started]
        lines.append(f"{tier:<14} {used['']:>4} tests   {', '.join(servers) or 'no server'}")
    return lines
