"""Measure Maillage beside the raw clients and the shapes of tutorials: `make bench`, or `python -m tests.load`.

Prints progress on stderr and the table on stdout. With `--page`, keeps the figures in docs/performance.json and writes
docs/performance.md again; measures that did not run keep the figures they have.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time

from tests.load.machine import Watch, describe
from tests.load.measures.all import MEASURES
from tests.load.report import as_text
from tests.load.rig import Rig
from tests.load.servers import running_servers
from tests.load.sizes import FULL, TINY
from tests.load.store import Incomparable, add, keep, stored, trials_kept
from tests.load.trials import run_trials

from maillage.testing.databases import DatabaseFactory

TRIALS = 5
"""The fewest from which a median and an interval say anything."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    keys = [measure.key for measure in MEASURES]
    parser.add_argument("--trials", type=int, default=TRIALS, help=f"how often each arm runs (default {TRIALS})")
    parser.add_argument("--only", default=",".join(keys), help=f"some of: {','.join(keys)}")
    parser.add_argument("--tiny", action="store_true", help="a few events: shows that the arms work, measures nothing")
    parser.add_argument("--page", action="store_true", help="also write the figures into docs/performance.md")
    parser.add_argument("--add", action="store_true", help="with --page: keep the trials after those already kept")
    found = parser.parse_args()
    if unknown := set(found.only.split(",")) - set(keys):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    if found.trials < 1:
        parser.error("at least one trial")
    if found.add and not found.page:
        parser.error("--add says where the page's trials go: give --page too")
    return found


def main() -> int:
    """Run what was asked."""
    asked = arguments()
    # A topic made a moment ago has no leader yet: aiokafka says so at every try.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    measures = [measure for measure in MEASURES if measure.key in asked.only.split(",")]
    sizes = TINY if asked.tiny else FULL
    started = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - started:5.0f} s] {line}\n")

    say("starting the servers")
    with running_servers() as servers:
        databases = DatabaseFactory(servers.postgres.admin_dsn)
        watch = Watch(servers)
        before = trials_kept(measures, list(describe(servers))) if asked.add else 0
        try:
            results = asyncio.run(
                run_trials(Rig(servers, databases), measures, sizes, asked.trials, say, before=before)
            )
        finally:
            asyncio.run(databases.drop_all())
        table = as_text(measures, results, sizes)
        facts = [*describe(servers), ("Other work", watch.describe()), ("Trials", f"{asked.trials}, interleaved")]
    sys.stdout.write("\n" + table + "\n" + "".join(f"{name}: {text}\n" for name, text in facts))
    if asked.page:
        # Needs the group of dependencies that only this target installs.
        from tests.load.page import write_page

        (add if asked.add else keep)(measures, results, facts)
        write_page(stored(), sizes)
        say("docs/performance.md has the figures")
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except Incomparable as error:
        raise SystemExit(f"{error}.") from None
