"""Look-ups that are wanted at the same time are made in one batch."""

import asyncio
from collections.abc import Collection
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier_app.batching import AGAIN_AT_ONCE, Batch, SingleFlight
from skytier_app.database import DatabaseBusy, DatabaseUnavailable, StatementTimeout


class Numbers:
    """Doubles numbers, when told to; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.go = asyncio.Event()

    async def find(self, keys: Collection[int]) -> dict[int, int]:
        self.asked.append(set(keys))
        await self.go.wait()
        if 13 in keys:
            raise RuntimeError("no luck")
        return {key: 2 * key for key in keys if key > 0}


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_meanwhile_are_asked_for_together() -> None:
    numbers = Numbers()
    batch = Batch(numbers.find, at_once=1)
    first = asyncio.create_task(batch.get(1))
    await turn()
    more = [asyncio.create_task(batch.get(key)) for key in (2, 3, 3, -4)]
    await turn()
    assert numbers.asked == [{1}]
    numbers.go.set()
    assert [await first, *[await each for each in more]] == [2, 4, 6, 6, None]
    assert numbers.asked == [{1}, {2, 3, -4}]
    assert batch.is_idle


async def test_no_more_than_so_many_are_asked_for_at_once_and_those_first_who_came_first() -> None:
    numbers = Numbers()
    batch = Batch(numbers.find, at_once=1, most=2)
    tasks = [asyncio.create_task(batch.get(key)) for key in (1, 2, 3, 3, 4, 5)]
    numbers.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 6, 8, 10]
    assert numbers.asked == [{1, 2}, {3, 4}, {5}]
    assert batch.is_idle


async def test_nobody_gets_an_answer_that_was_under_way_when_they_asked() -> None:
    numbers = Numbers()
    batch = Batch(numbers.find, at_once=1)
    early = asyncio.create_task(batch.get(1))
    await turn()
    late = asyncio.create_task(batch.get(1))
    numbers.go.set()
    await asyncio.gather(early, late)
    assert numbers.asked == [{1}, {1}]


async def test_a_question_that_hangs_holds_up_nobody_who_comes_later() -> None:
    hangs = asyncio.Event()

    async def find(keys: Collection[int]) -> dict[int, int]:
        if 1 in keys:
            await hangs.wait()
        return {key: 2 * key for key in keys}

    batch = Batch(find, at_once=2)
    early = asyncio.create_task(batch.get(1))
    await turn()
    for key in (2, 3, 4):
        assert await asyncio.wait_for(batch.get(key), 60) == 2 * key
    hangs.set()
    assert await early == 2


async def test_a_batch_waits_for_the_one_before_it_until_that_is_late() -> None:
    numbers = Numbers()
    batch = Batch(numbers.find, at_once=2, late_s=3600)
    tasks = [asyncio.create_task(batch.get(key)) for key in (1, 2)]
    await turn()
    tasks += [asyncio.create_task(batch.get(key)) for key in (3, 4)]
    await turn()
    assert numbers.asked == [{1, 2}]
    numbers.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert numbers.asked == [{1, 2}, {3, 4}]
    assert batch.is_idle


@pytest.mark.parametrize("comes", ["before", "after"])
async def test_a_late_batch_holds_up_nobody(comes: str) -> None:
    hangs = asyncio.Event()
    asked: list[set[int]] = []

    async def find(keys: Collection[int]) -> dict[int, int]:
        asked.append(set(keys))
        if 1 in keys:
            await hangs.wait()
        return {key: 2 * key for key in keys}

    batch = Batch(find, at_once=2, late_s=0.05)
    early = asyncio.create_task(batch.get(1))
    await turn()
    if comes == "after":
        await asyncio.sleep(0.1)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*map(batch.get, (2, 3))) == [4, 6]
    # What comes now waits neither for the late one nor for its own time to be late.
    tasks = [asyncio.create_task(batch.get(key)) for key in (4, 5)]
    await turn()
    assert asked == [{1}, {2, 3}, {4, 5}]
    assert await asyncio.gather(*tasks) == [8, 10]
    hangs.set()
    assert await early == 2
    assert batch.is_idle


async def test_two_batches_after_a_late_one_are_one_after_the_other_again() -> None:
    go: dict[int, asyncio.Event] = {key: asyncio.Event() for key in (1, 2, 3)}
    asked: list[set[int]] = []

    async def find(keys: Collection[int]) -> dict[int, int]:
        asked.append(set(keys))
        await go[min(keys)].wait()
        return {key: 2 * key for key in keys}

    batch = Batch(find, at_once=2, late_s=0.05)
    late = asyncio.create_task(batch.get(1))
    await turn()
    second = asyncio.create_task(batch.get(2))
    while len(asked) < 2:
        await asyncio.sleep(0.01)
    rest = [asyncio.create_task(batch.get(key)) for key in (3, 4)]
    go[1].set()
    assert await late == 2
    go[3].set()
    go[2].set()
    assert await asyncio.gather(second, *rest) == [4, 6, 8]
    assert asked == [{1}, {2}, {3, 4}]
    assert batch.is_idle


async def test_many_who_come_and_go_are_all_answered() -> None:
    async def find(keys: Collection[int]) -> dict[int, int]:
        await asyncio.sleep(0)
        return {key: 2 * key for key in keys}

    for at_once, late_s in product((1, 2, 3), (0.0, 0.0001, 3600.0)):
        batch = Batch(find, at_once, late_s=late_s)

        async def visit(start: int, batch: Batch[int, int] = batch) -> None:
            for key in range(start, start + 50):
                assert await asyncio.wait_for(batch.get(key), 60) == 2 * key
                for _ in range(key % 4):
                    await asyncio.sleep(0)

        await asyncio.gather(*(visit(start) for start in range(20)))
        assert batch.is_idle


async def test_a_fault_is_told_to_who_asked_for_it_and_to_nobody_else() -> None:
    numbers = Numbers()
    numbers.go.set()
    batch = Batch(numbers.find)
    keys = (13, 1, 13, -2, 3)
    answers = await asyncio.gather(*map(batch.get, keys), return_exceptions=True)
    assert [str(each) for each in answers] == ["no luck", "2", "no luck", "None", "6"]
    assert numbers.asked == [{13, 1, -2, 3}, {13}, {1}, {-2}, {3}]
    assert await batch.get(1) == 2
    assert batch.is_idle


@given(
    keys=st.lists(st.integers(0, 9), min_size=1, max_size=40),
    faults=st.dictionaries(
        st.integers(0, 9), st.sampled_from([StatementTimeout("slow"), ValueError("wrong")])
    ),
    at_once=st.integers(1, 3),
    most=st.none() | st.integers(1, 5),
    late_s=st.sampled_from([0.0, 1e-6, 3600.0]),
)
async def test_everybody_gets_the_answer_they_would_have_got_alone(
    keys: list[int], faults: dict[int, Exception], at_once: int, most: int | None, late_s: float
) -> None:
    async def find(wanted: Collection[int]) -> dict[int, int]:
        await asyncio.sleep(0)
        for key in wanted:
            if key in faults:
                raise faults[key]
        return {key: 2 * key for key in wanted}

    batch = Batch(find, at_once, most, late_s=late_s)
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*map(batch.get, keys), return_exceptions=True)
    assert answers == [faults.get(key, 2 * key) for key in keys]
    assert batch.is_idle


@pytest.mark.parametrize("outage", [DatabaseUnavailable("gone"), DatabaseBusy("full")])
async def test_an_outage_is_everybodys_and_nobody_asks_again(outage: Exception) -> None:
    asked = 0

    async def find(_: Collection[int]) -> dict[int, int]:
        nonlocal asked
        asked += 1
        raise outage

    batch = Batch(find)
    answers = await asyncio.gather(*map(batch.get, range(20)), return_exceptions=True)
    assert answers == [outage] * 20
    assert asked == 1


async def test_those_that_failed_together_are_asked_again_a_few_at_a_time() -> None:
    under_way = most = 0

    async def find(keys: Collection[int]) -> dict[int, int]:
        nonlocal under_way, most
        if len(keys) > 1:
            raise StatementTimeout("too much")
        under_way += 1
        most = max(most, under_way)
        await turn()
        under_way -= 1
        return {key: 2 * key for key in keys}

    batch = Batch(find)
    assert await asyncio.gather(*map(batch.get, range(30))) == [2 * key for key in range(30)]
    assert most == AGAIN_AT_ONCE


async def test_what_weighs_much_is_asked_for_in_several_questions() -> None:
    numbers = Numbers()
    batch = Batch(numbers.find, at_once=1, most=10, weigh=lambda key: key)
    tasks = [asyncio.create_task(batch.get(key)) for key in (4, 5, 3, 12, 1, 9)]
    numbers.go.set()
    assert await asyncio.gather(*tasks) == [8, 10, 6, 24, 2, 18]
    assert numbers.asked == [{4, 5}, {3}, {12}, {1, 9}]


async def test_who_gives_up_disturbs_nobody() -> None:
    numbers = Numbers()
    batch = Batch(numbers.find)
    gone, stays = (asyncio.create_task(batch.get(key)) for key in (1, 1))
    await turn()
    gone.cancel()
    numbers.go.set()
    assert await stays == 2
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_the_same_question_is_shared_and_others_do_not_wait_for_it() -> None:
    asked: list[str] = []
    slow = asyncio.Event()

    async def answer(key: str) -> str:
        asked.append(key)
        if key == "slow":
            await slow.wait()
        return key.upper()

    shared = SingleFlight(answer)
    waiting = [asyncio.create_task(shared.get("slow")) for _ in range(3)]
    await turn()
    assert await shared.get("quick") == "QUICK"
    late = [asyncio.create_task(shared.get("slow")) for _ in range(3)]
    await turn()
    slow.set()
    assert await asyncio.gather(*waiting, *late) == ["SLOW"] * 6
    assert asked == ["slow", "quick", "slow"]
