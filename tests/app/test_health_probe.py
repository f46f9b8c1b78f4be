"""A probe is shared by all who ask, and each of them gets its answer."""

import asyncio

from skytier_app.health.probe import Probe


async def test_who_asks_just_when_the_others_are_answered_takes_nobodys_answer_away() -> None:
    asked = 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return "0001"

    probe = Probe(ask)

    async def visitor(number: int) -> list[str | None]:
        said = []
        for step in range(50):
            # So that every order of question and answer comes to pass.
            for _ in range((number + step) % 7):
                await asyncio.sleep(0)
            said.append((await probe.answer(timeout_s=60)).said)
        return said

    answers = await asyncio.gather(*(visitor(number) for number in range(8)))

    assert answers == [["0001"] * 50] * 8
    assert asked < 8 * 50, "nobody has shared a question"
