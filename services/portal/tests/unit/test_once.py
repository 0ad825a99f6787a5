"""An answer that is shown once, for whoever presses twice: found by the second request, and only for a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from portal.adapters.http import once as keeping
from portal.adapters.http.once import KEPT_MAX, ShownOnce


def made(said: list[str], answer: str = "shown") -> Callable[[], Awaitable[str]]:
    async def make() -> str:
        said.append(answer)
        await asyncio.sleep(0)
        return answer

    return make


async def test_failure_is_not_kept_as_the_answer() -> None:
    once, tried = ShownOnce(), 0

    async def make() -> str:
        nonlocal tried
        tried += 1
        await asyncio.sleep(0)
        if tried == 1:
            raise ZeroDivisionError
        return "shown"

    with pytest.raises(ZeroDivisionError):
        await once.answer("form", make=make)
    found = await asyncio.gather(*(once.answer("form", make=make) for _ in range(3)))
    assert (found, tried) == (["shown"] * 3, 2)


async def test_the_second_request_finds_the_answer_that_the_first_gave_up_waiting_for() -> None:
    once, said, answered = ShownOnce(), [], asyncio.Event()

    async def slow() -> str:
        said.append("asked")
        await answered.wait()
        return "shown"

    first = asyncio.create_task(once.answer("form", make=slow))
    while not said:
        await asyncio.sleep(0)
    second = asyncio.create_task(once.answer("form", make=slow))
    first.cancel()
    await asyncio.wait([first])
    answered.set()

    assert (await second, said) == ("shown", ["asked"])


async def test_an_answer_is_forgotten_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "KEPT_SECONDS", 0.0)
    once, said = ShownOnce(), list[str]()
    await once.answer("form", make=made(said))
    async with asyncio.timeout(15):
        while len(said) < 2:
            await asyncio.sleep(0)
            await once.answer("form", make=made(said))


async def test_the_oldest_answer_gives_way_to_one_too_many() -> None:
    once, said = ShownOnce(), list[str]()
    for number in range(KEPT_MAX + 1):
        await once.answer(str(number), make=made([]))
    await once.answer(str(KEPT_MAX), make=made(said))
    assert said == []
    await once.answer("0", make=made(said))
    assert said == ["shown"]


async def test_forms_are_told_apart_by_each_of_their_words() -> None:
    once = ShownOnce()
    for form in (("one", "client", "1"), ("other", "client", "1"), ("one", "kafka", "1"), ("one", "client", "2")):
        assert await once.answer(*form, make=made([], "/".join(form))) == "/".join(form)
