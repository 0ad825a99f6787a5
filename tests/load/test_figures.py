"""The bench's arithmetic, and its load generator's honesty."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.load.arms.http_load import Load, Requests
from tests.load.figures import falling_behind, percentile, ratio, slope
from tests.load.goals import judged
from tests.load.measures.all import MEASURES
from tests.load.measures.measure import BEHIND
from tests.load.measures.pipeline import PIPELINE, latencies
from tests.load.measures.relay import RELAY
from tests.load.page import BEGIN, END, PAGE, with_figures
from tests.load.report import as_text
from tests.load.sizes import TINY
from tests.load.store import Incomparable, add, keep, stored, trials_kept
from tests.load.trials import Results


def test_percentile_is_the_nearest_rank() -> None:
    hundred = [float(n) for n in range(1, 101)]

    assert percentile(hundred, 0.99) == 99
    assert percentile(hundred, 0.5) == 50
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_slope_is_that_of_the_nearest_line() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == pytest.approx(2.0)
    assert slope([(1.0, 3.0)]) == 0.0


def test_goal_is_reached_by_the_median_and_says_so() -> None:
    results = Results(trials=3)
    results.values["relay", RELAY.arms[0].name, "rate"] = [20.0, 21.0, 22.0]
    results.values["relay", RELAY.arms[1].name, "rate"] = [1.0, 1.0, 1.0]
    results.values["relay", RELAY.arms[2].name, "rate"] = [40.0, 42.0, 44.0]

    tenfold, raw = judged(RELAY, results)

    assert (tenfold.value, tenfold.reached) == (21.0, True)
    assert (raw.value, raw.reached) == (0.5, False)


def test_every_goal_is_about_an_arm_and_a_metric_that_exist() -> None:
    for measure in MEASURES:
        arms = {arm.name for arm in measure.arms}
        for goal in measure.goals:
            assert {goal.ours or measure.arms[0].name, goal.against or measure.arms[0].name} <= arms, goal.text
            assert goal.metric in {metric.name for metric in measure.metrics}, goal.text


def test_what_did_not_run_keeps_its_figures(tmp_path: Path) -> None:
    results = Results(trials=1)
    results.values["relay", RELAY.arms[0].name, "rate"] = [20.0]
    results.values["pipeline", PIPELINE.arms[0].name, "p50"] = [9.0]
    keep([RELAY, PIPELINE], results, [("Trials", "1")], tmp_path / "kept.json")
    again = Results(trials=2)
    again.values["relay", RELAY.arms[0].name, "rate"] = [30.0, 31.0]

    keep([RELAY], again, [("Trials", "2")], tmp_path / "kept.json")

    found = {one.measure.key: one for one in stored(tmp_path / "kept.json")}
    assert found["relay"].results.of("relay", RELAY.arms[0].name, "rate") == [30.0, 31.0]
    assert found["pipeline"].results.of("pipeline", PIPELINE.arms[0].name, "p50") == [9.0]
    assert (found["relay"].facts, found["pipeline"].facts) == ([("Trials", "2")], [("Trials", "1")])


def test_trials_of_a_long_measure_can_be_added_run_by_run(tmp_path: Path) -> None:
    path, ours = tmp_path / "kept.json", RELAY.arms[0].name
    for value in (20.0, 30.0):
        results = Results(trials=1)
        results.values["relay", ours, "rate"] = [value]
        add([RELAY], results, [("Machine", "one"), ("Trials", "1"), ("Other work", f"of {value:.0f}")], path)

    (found,) = stored(path)
    assert (found.results.trials, found.results.of("relay", ours, "rate")) == (2, [20.0, 30.0])
    assert dict(found.facts)["Other work"] == "of 20; then of 30"
    assert trials_kept([RELAY, PIPELINE], [("Machine", "one")], path) == 0, "none of the other measure"
    assert trials_kept([RELAY], [("Machine", "one")], path) == 2


def test_trials_of_another_machine_are_not_added(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    results = Results(trials=1)
    results.values["relay", RELAY.arms[0].name, "rate"] = [20.0]
    add([RELAY], results, [("Machine", "one")], path)

    with pytest.raises(Incomparable, match="relay"):
        add([RELAY], results, [("Machine", "another")], path)

    assert stored(path)[0].results.trials == 1


def test_ratio_is_of_medians_and_its_interval_holds_it() -> None:
    found = ratio([30.0, 33.0, 90.0], [10.0, 11.0, 12.0])

    assert found.value == 3.0
    assert 2.5 <= found.low <= found.value <= found.high <= 9.0


def test_interval_of_equal_trials_is_a_point() -> None:
    found = ratio([4.0, 4.0, 4.0], [2.0, 2.0, 2.0])

    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


def test_ratio_of_other_trials_is_refused() -> None:
    with pytest.raises(ValueError, match="same trials"):
        ratio([1.0, 2.0], [1.0])


def test_latency_leaves_out_the_warm_up_and_no_event() -> None:
    committed = {str(n): n * 1_000_000 for n in range(4)}
    seen = {str(n): n * 1_000_000 + (50 if n < 2 else 3) * 1_000_000 for n in range(4)}

    assert latencies(committed, seen, 4, warm_up=2, prefix="x_") == {"x_p50": 3.0, "x_p99": 3.0, BEHIND: 0.0}
    del seen["3"]
    with pytest.raises(ValueError, match="3 seen"):
        latencies(committed, seen, 4, warm_up=2)


async def test_a_server_that_stands_still_is_counted_by_the_schedule_only() -> None:
    """A pause of 300 ms delays every request that was due in it; a closed loop would have seen one slow answer."""
    ended = asyncio.Event()
    pauses = [0.3]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
                await asyncio.sleep(pauses.pop() if pauses else 0)
                writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        load = Load(port, Requests(port, "token"))
        await load.open(1)
        found = await load.open_loop(rate=100, seconds=0.5)
        load.close()
        await ended.wait()

    assert len(found) == 50
    # Due every 10 ms: those of the first 250 ms waited at least 50 ms for the end of the pause, on any machine.
    assert sum(latency >= 50 for latency in found) >= 25
    assert load.statuses == {201: 50}


def test_no_ratio_is_made_of_a_growing_queue() -> None:
    results = Results(1)
    ours, theirs = (arm.name for arm in PIPELINE.arms)
    for arm, delay, behind in ((ours, 10.0, 0.0), (theirs, 4000.0, 7000.0)):
        for metric in ("p50", "p99"):
            results.values[PIPELINE.key, arm, metric] = [delay]
        results.values[PIPELINE.key, arm, BEHIND] = [behind]

    table = as_text([PIPELINE], results, TINY)

    assert table.count("did not keep up") == 2
    assert "×" not in table.replace("ours ÷ this [95 %]", "")
    results.values[PIPELINE.key, theirs, BEHIND] = [0.0]
    assert as_text([PIPELINE], results, TINY).count("0.003×") == 6


def test_falling_behind_is_how_much_the_delays_grew() -> None:
    assert falling_behind([5.0] * 40) == 0.0
    assert falling_behind([float(n) for n in range(100)]) == 90.0


def test_the_page_keeps_what_people_wrote() -> None:
    page = f"before\n{BEGIN}old\n{END}after\n"

    assert with_figures(page, "new\n") == f"before\n{BEGIN}new\n{END}after\n"
    with pytest.raises(ValueError, match="lost the marks"):
        with_figures("before\n", "new\n")
    assert with_figures(PAGE.read_text("utf-8"), "new\n").count(BEGIN) == 1
